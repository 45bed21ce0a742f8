"""Wait in simulated time until all data has been fetched."""

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.polling.schedule import CORE
from harness.expected_counts import open_calls
from harness.simulated_time import Polled

REQUESTS = 2.5
"""Seconds that a recovery's own requests may take, at the pace that the budget allows."""


def until_polled_since(world: Polled, since: float) -> float:
    """Wait until calls and availabilities were fetched after `since`. Returns the time (UNIX seconds)."""

    def is_fetched() -> bool:
        status = world.poller.status()
        current = all((status.datasets[name].as_of or 0) >= since for name in CORE)
        return current and status.is_up(world.time.now)

    while not is_fetched():
        assert world.time.now < since + 600
        world.step(world.time.now + 60)
    return world.time.now


def fetch_all(world: Polled) -> None:
    """Stop the account's time until all calls are fetched and saved."""
    world.freeze()
    until = world.time.now + 1200
    coverage, calls, now = world.poller.account.coverage, world.poller.account.calls, world.account.now

    def all_is_fetched() -> bool:
        is_fetched = coverage.fetched[-1][1] >= int(now) - LATE_ARRIVAL_S and not coverage.gaps
        return is_fetched and calls.active.keys() == open_calls(world.account)

    while not all_is_fetched():
        assert world.time.now < until, (coverage, calls.active.keys() ^ open_calls(world.account))
        world.step(until)
    world.poll()


def until_no_range_is_missing(world: Polled, within: float = 4 * 3600) -> None:
    until = world.time.now + within
    world.poll()
    while world.poller.account.coverage.seconds_missing:
        assert world.time.now < until, world.poller.account.coverage
        world.step(until)
