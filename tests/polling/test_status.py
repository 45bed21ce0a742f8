"""Tests of `aircall_up`: it is 0 if calls or availabilities are older than three intervals."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exporter.aircall.client import Client
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling.status import ALLOWANCE_S, LIVE, DatasetStatus, Snapshot
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.landing import landing_page
from harness.simulated_time import NOON, Polled, polled

INTERVAL = 5.0
"""Seconds of the default interval."""

OLD = 3 * INTERVAL + ALLOWANCE_S
"""Seconds after which data is out of date, with the default interval."""


def polling(as_of: float | None, interval: float = INTERVAL) -> DatasetStatus:
    return DatasetStatus(as_of, interval, interval, working=True, failing=False, expected_interval=interval)


@given(age=st.floats(0, 1e5), interval=st.floats(1, 3600))
def test_is_current_up_to_three_intervals_and_an_allowance_is_true(age: float, interval: float) -> None:
    assert polling(NOON - age, interval).is_current(NOON) == (
        NOON - (NOON - age) <= 3 * interval + ALLOWANCE_S
    )
    assert not polling(None, interval).is_current(NOON)


@pytest.mark.parametrize("dataset", LIVE)
def test_status_with_one_outdated_dataset_is_not_up(world: Polled, dataset: str) -> None:
    status, now = world.poller.status(), world.time.now
    assert status.is_up(now)
    for as_of, up in ((now - OLD + 1, True), (now - OLD - 1, False)):
        datasets = {**status.datasets, dataset: polling(as_of)}
        changed = replace(status, datasets=datasets)
        assert changed.is_up(now) is up
        assert changed.outdated(now) == (() if up else (dataset,))


def test_up_of_a_poller_that_hangs_is_0(world: Polled) -> None:
    """No poll is made here: only the time of the scrape changes."""
    oldest = min(world.poller.status().datasets[name].as_of or 0.0 for name in LIVE)
    assert oldest
    old = 3 * world.settings.refresh.calls + ALLOWANCE_S
    for age, up, words in ((old - 1, 1, "The data is up to date"), (old + 1, 0, "Out of date: ")):
        world.time.now = oldest + age
        assert world.scrape().value("aircall_up") == up
        page = landing_page(world.poller.snapshot(), (), world.time.now)
        assert words in page


@pytest.mark.parametrize("error", [OSError("no such bundle"), ValueError(), MemoryError()])
def test_up_during_any_exception_of_a_request_is_0(
    world: Polled, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Client, "_fetch", fail)
    world.live(30)
    scrape, snapshot = world.scrape(), world.poller.snapshot()
    assert scrape.value("aircall_up") == 0
    assert scrape.number("aircall_polls_total", dataset="calls", result="error") >= 1
    assert "Requests to Aircall fail" in landing_page(snapshot, (), world.time.now)


def lowest(world: Polled, seconds: float) -> float:
    """Return the lowest `aircall_up` of `seconds`."""
    found, until = 1.0, world.time.now + seconds
    while world.time.now < until:
        world.step(until)
        found = min(found, world.poller.status().is_up(world.time.now))
    return found


def test_up_of_a_large_company_with_stretched_intervals_stays_1() -> None:
    account = SimulatedAccount(users=500, calls_per_hour=2000, seed=3, start=NOON, history=0)
    with polled(account) as world:
        world.live_until_complete()
        assert world.poller.status().datasets["availabilities"].interval > 15
        assert lowest(world, 120) == 1


def test_up_after_a_reload_that_shortens_the_intervals_stays_1(account: SimulatedAccount) -> None:
    rarely = Refresh(calls=Duration(120), availabilities=Duration(120))
    with polled(account, refresh=rarely) as world:
        world.live_until_complete()
        world.live(118)
        world.poller.configure(structs.replace(world.settings, refresh=Refresh()), world.client)
        assert lowest(world, 60) == 1
        assert world.poller.status().datasets["calls"].expected_interval == INTERVAL


def test_landing_page_before_the_first_reading_says_starting(account: SimulatedAccount) -> None:
    with polled(account) as world:
        snapshot: Snapshot = world.poller.snapshot()
        assert "Starting; not fetched yet" in landing_page(snapshot, (), world.time.now + 3600)
