"""Calls that Aircall dates in the future while a clock is wrong: all are shown, saved and counted."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.durations import Duration
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import missed_call

HOUR, DAY = 3600.0, 86_400.0
BRIEFLY = 20.0
POLL = 12.0
"""Seconds within which a poll of calls begins and ends."""


@dataclass(frozen=True)
class Wrong:
    """By how many seconds calls are dated ahead, and by how many a clock is wrong."""

    ahead: tuple[float, ...]
    date: float = 0.0
    machine: float = 0.0
    period: float = 900.0
    listed: str = "before"

    def __str__(self) -> str:
        calls = " and ".join(str(Duration(seconds)) for seconds in self.ahead)
        clock = f"date {self.date:+g} s" if self.date else f"machine {self.machine:+g} s"
        return f"calls {calls} ahead listed {self.listed}, {clock}, period {Duration(self.period)}"

    def set(self, world: Polled, on: bool) -> None:
        world.aircall.date_error = self.date if on else 0
        world.time.wall_error = self.machine if on else 0


CASES = [
    Wrong((12 * HOUR,), date=DAY),
    Wrong((12 * HOUR,), date=DAY, period=DAY),
    Wrong((12 * HOUR,), date=DAY, listed="meanwhile"),
    Wrong((DAY,), date=DAY),
    Wrong((DAY,), date=DAY, listed="meanwhile"),
    Wrong((HOUR, 12 * HOUR, 13 * HOUR, 14 * HOUR), date=DAY),
    Wrong((20 * 60.0,), date=HOUR, period=DAY),
    Wrong((12 * HOUR,), date=-DAY),
    Wrong((12 * HOUR,), machine=DAY),
    Wrong((12 * HOUR, 13 * HOUR, 14 * HOUR), machine=DAY, period=DAY),
    Wrong((12 * HOUR,), machine=-DAY),
    Wrong((40 * DAY,), date=200 * DAY),
]


def future_call(account: SimulatedAccount, seconds: float) -> None:
    """Add a missed call that is dated ahead."""
    number = next(iter(account.numbers.values()))
    start = int(account.now + seconds)
    call = SimulatedCall(next(account.call_ids), "inbound", start, "+33 1 11 11 11 11", number)
    call.ended_at, call.missed_call_reason = start + 10, "no_available_agent"
    account.calls.add(call)


def future_calls(account: SimulatedAccount, wrong: Wrong) -> None:
    for seconds in wrong.ahead:
        future_call(account, seconds)


def assert_waiting_is_shown(world: Polled, account: SimulatedAccount) -> None:
    """Let a caller wait, see them on the board after a poll, and let them be missed."""
    call = account.ring_in(next(iter(account.numbers)), "+33 1 22 22 22 22", at=world.time.now)
    world.live(POLL)
    scrape = world.scrape()
    assert scrape.sum("aircall_queue_calls") == 1
    assert scrape.sum("aircall_queue_longest_wait_seconds") == pytest.approx(
        world.time.now - call.started_at, abs=2
    )
    account.miss(call.id, "no_available_agent", at=world.time.now)
    world.live(POLL)
    assert world.scrape().sum("aircall_queue_calls") == 0


@pytest.fixture
def account() -> SimulatedAccount:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    for position in range(5):
        missed_call(account, NOON - 300 + 20 * position)
    return account


def counted_calls(database: str) -> set[int]:
    engine = create_engine(database)
    with engine.connect() as connection:
        ids = set(connection.scalars(select(schema.calls.c.id).where(schema.calls.c.counted)))
    engine.dispose()
    return ids


@pytest.mark.parametrize("wrong", CASES, ids=str)
def test_calls_dated_in_the_future_with_a_wrong_clock_hide_and_lose_nothing(
    wrong: Wrong, account: SimulatedAccount, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    period = Duration(wrong.period)
    with polled(account, archive=Archive(database), activity_period=period) as world:
        world.live_until_complete()
        if wrong.listed == "before":
            future_calls(account, wrong)
        world.live(10)
        wrong.set(world, True)
        if wrong.listed == "meanwhile":
            future_calls(account, wrong)
        world.live(BRIEFLY)
        assert_waiting_is_shown(world, account)
        wrong.set(world, False)
        assert_waiting_is_shown(world, account)
        wrong.set(world, True)
        world.live(BRIEFLY)
    for seconds in range(10):
        missed_call(account, account.now + 3 * seconds, seconds=2)
    account.advance(account.now + 200)
    with polled(account, archive=Archive(database), activity_period=Duration(60)) as world:
        world.live_until_complete()
        assert_waiting_is_shown(world, account)
        world.live(120)
        scrape = world.scrape()
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == 0
        assert scrape.sum("aircall_calls_total") == len(account.calls)
    assert counted_calls(database) == set(account.calls)


@pytest.mark.parametrize("error", [DAY, -DAY])
def test_restart_with_a_future_call_and_a_wrong_date_hides_and_loses_nothing(
    error: float, account: SimulatedAccount, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        future_call(account, 12 * HOUR)
        world.live(30)
    account.advance(account.now + 200)
    with polled(account, archive=Archive(database), served={"date_error": error}) as world:
        world.live_until_complete()
        assert_waiting_is_shown(world, account)
        world.aircall.date_error = 0
        world.live(BRIEFLY)
        assert_waiting_is_shown(world, account)
        world.live(120)
        assert world.scrape().sum("aircall_calls_total") == len(account.calls)
        assert world.scrape().value("aircall_archive_backfill_remaining_seconds") == 0
    assert counted_calls(database) == set(account.calls)
