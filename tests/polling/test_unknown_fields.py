"""Test that fields which Aircall has added are counted by name."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.aircall.data_limits import MAX_TEXT_LENGTH, MAX_WORDS
from exporter.polling.unknown_fields import INTERVAL_S
from exporter.simulator.faults import Fault, edited
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.request_log import at_path

FAMILY = "aircall_api_unknown_fields_total"
PATHS = {"users": "/v2/users", "teams": "/v1/teams", "numbers": "/v1/numbers", "calls": "/v1/calls"}


def with_fields(key: str, *names: str) -> Fault:
    """Add fields to each object of a list."""

    def add(content: Any) -> None:
        for each in content[key]:
            each.update((name, {"any": ["value"]}) for name in names)

    return Fault(at_path(PATHS[key]), edited(add))


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=3, calls_per_hour=60, start=NOON, history=3600)


def test_account_without_new_fields_has_no_series(account: SimulatedAccount) -> None:
    with polled(account) as world:
        world.live_until_complete()
        assert not world.scrape().all(FAMILY)


@pytest.mark.parametrize("key", PATHS)
def test_new_field_is_counted_once_per_hour_and_logged_once(account: SimulatedAccount, key: str) -> None:
    with capture_logs() as lines, polled(account, served={"faults": [with_fields(key, "mood")]}) as world:
        world.live_until_complete()
        world.live(60)
        assert world.scrape().all(FAMILY, list=key, field="mood") == world.scrape().all(FAMILY)
        assert world.scrape().number(FAMILY, list=key, field="mood") == 1
        world.time.now += INTERVAL_S
        world.poller.refresh()
        world.live(120)
        assert world.scrape().number(FAMILY, list=key, field="mood") == 2
        assert world.scrape().value("aircall_up") == 1
    assert [line.get("field") for line in lines if "does not know" in line["event"]] == ["mood"]


def test_flood_of_new_fields_has_a_bounded_number_of_series(account: SimulatedAccount) -> None:
    names = [f"{'x' * MAX_TEXT_LENGTH * 2}", *(f"field {number}" for number in range(500))]
    with polled(account, served={"faults": [with_fields("calls", *names)]}) as world:
        world.live_until_complete()
        fields = world.scrape().labels(FAMILY, "field")
        assert len(fields) == MAX_WORDS + 1
        assert "other" in fields
        assert max(map(len, fields)) <= MAX_TEXT_LENGTH
        assert world.scrape().number("aircall_exporter_limit_exceeded_total", limit="field_names") > 0
