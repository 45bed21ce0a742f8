"""Calls with an unknown direction, such as internal calls: they are counted as ignored, and not shown."""

from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.webhook_world import polled_with_events

CALLER = "+33 7 77 77 77 77"
MISSING = "left out"


def redirected(direction: object) -> Fault:
    """Change the direction of the calls of one caller."""

    def change(content: Any) -> None:
        for call in content.get("calls", [content.get("call", {})]):
            if call.get("raw_digits") == CALLER:
                call["direction"] = direction
                if direction is MISSING:
                    del call["direction"]

    return Fault(lambda path: path.startswith("/v1/calls"), faults.edited(change))


def assert_not_shown(world: Polled) -> None:
    scrape = world.scrape()
    assert scrape.value("aircall_malformed_objects_total", kind="call") == 0
    assert not scrape.all("aircall_queue_call_wait_seconds")
    assert not scrape.all("aircall_user_current_call_seconds")
    for family in (
        "aircall_queue_calls",
        "aircall_calls_total",
        "aircall_number_period_calls",
        "aircall_user_period_calls",
    ):
        assert scrape.sum(family) == 0


@pytest.mark.parametrize("direction", ["internal", "INBOUND", "", None, 5, [], {}, MISSING], ids=repr)
def test_calls_with_unknown_direction_are_counted_once_and_shown_nowhere(
    account: SimulatedAccount, tmp_path: Any, direction: object
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    number, (user, *_) = next(iter(account.numbers)), account.users
    with polled(account, served={"faults": [redirected(direction)]}, archive=Archive(database)) as world:
        world.live_until_complete()
        account.ring_in(number, CALLER, at=world.time.now)
        talking = account.ring_in(number, CALLER)
        account.answer(talking.id, user)
        world.live(30)
        assert_not_shown(world)
        account.hang_up(talking.id, at=world.time.now)
        world.live(600)
        assert_not_shown(world)
        assert world.scrape().value("aircall_calls_ignored_total", reason="direction") == 2
        assert world.scrape().value("aircall_up") == 1
    with create_engine(database).connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.calls)).scalar() == 0


def test_waiting_call_whose_direction_turns_unknown_leaves_the_queue(world: Polled) -> None:
    world.account.ring_in(next(iter(world.account.numbers)), CALLER, at=world.time.now)
    world.poll()
    assert world.scrape().sum("aircall_queue_calls") == 1
    world.aircall.faults.append(redirected("internal"))
    world.live(30)
    assert_not_shown(world)


def test_event_about_a_call_with_unknown_direction_is_ignored() -> None:
    account = SimulatedAccount(users=3, calls_per_hour=0, start=NOON)
    with polled_with_events(account, served={"faults": [redirected("internal")]}) as world:
        world.live_until_complete()
        call = account.ring_in(next(iter(account.numbers)), CALLER, at=world.time.now)
        call.direction = "internal"  # type: ignore[assignment]  # Aircall may add directions
        world.deliver()
        world.live(30)
        assert_not_shown(world)
        scrape = world.scrape()
        assert scrape.value("aircall_calls_ignored_total", reason="direction") == 1
        assert scrape.sum("aircall_webhook_events_total", result="malformed") == 0


def test_call_without_direction_and_status_is_malformed(world: Polled) -> None:
    world.aircall.faults.append(
        Fault(
            lambda path: path == "/v1/calls", faults.malformed({"id": 5}, {"id": 6, "direction": "internal"})
        )
    )
    world.poll()
    assert world.scrape().number("aircall_malformed_objects_total", kind="call") >= 2
    assert world.scrape().value("aircall_calls_ignored_total", reason="direction") == 0
