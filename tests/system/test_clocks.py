"""Calls and counters while Aircall's clock or the machine's clock is wrong."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import pytest
from sqlalchemy import create_engine, select

from exporter.account.records import Batch
from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.recovery import fetch_all
from tests.support.webhook_world import polled_with_events

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
STOP = 3 * HOUR
BRIEFLY = 20.0
RETENTION = Storage(retention=Duration(30 * DAY), backfill=Duration(4 * HOUR))

Which = Literal["date", "machine"]
When = Literal["from the start", "for 20 s", "after a restart"]


@dataclass(frozen=True)
class WrongClock:
    """Which clock is wrong by how many seconds, and when."""

    which: Which
    error: float
    when: When

    def __str__(self) -> str:
        size = Duration(abs(self.error))
        return f"{self.which} {size} {'ahead' if self.error > 0 else 'behind'} {self.when}"

    def served(self, run: int) -> dict[str, float]:
        """Return the properties of the API in the first or second `run` of the exporter."""
        if self.when != ("from the start", "after a restart")[run - 1]:
            return {}
        return {"date_error": self.error} if self.which == "date" else {"clock_skew": -self.error}

    def set(self, world: Polled, error: float) -> None:
        if self.which == "date":
            world.aircall.date_error = error
        else:
            world.time.wall_error = error


SIZES: dict[When, tuple[float, ...]] = {
    "from the start": (10 * MINUTE, 40 * DAY),
    "for 20 s": (DAY,),
    "after a restart": (DAY, 200 * DAY),
}
CASES = [
    WrongClock(which, sign * size, when)
    for when, sizes in SIZES.items()
    for size in sizes
    for sign in (1, -1)
    for which in get_args(Which)
]


@pytest.mark.parametrize("wrong", CASES, ids=str)
def test_exporter_with_a_wrong_clock_keeps_and_counts_every_call(wrong: WrongClock, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=12, calls_per_hour=200, seed=3, start=NOON, history=0)
    with live(database, account, wrong, run=1) as world:
        world.live_until_complete()
        world.live(40)
        if wrong.when == "for 20 s":
            wrong.set(world, wrong.error)
            world.live(BRIEFLY)
            wrong.set(world, 0)
            world.live(40)
    account.advance(account.now + STOP)
    with live(database, account, wrong, run=2) as world:
        world.live_until_complete()
        fetch_all(world)
        scrape = world.scrape()
        assert counted(scrape) == to_be_counted(account)
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == 0
    engine = create_engine(database)
    with engine.connect() as connection:
        assert archived_calls(connection.execute(select(schema.calls))) == expected_calls(account)
    engine.dispose()


@pytest.mark.parametrize(("machine", "date"), [(HOUR, -HOUR), (-2 * HOUR, DAY), (DAY, -2 * HOUR)])
def test_restart_with_clocks_wrong_in_different_directions_counts_new_calls(
    machine: float, date: float, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=12, calls_per_hour=200, seed=3, start=NOON, history=0)
    with polled(account, archive=Archive(database), storage=RETENTION) as world:
        world.live_until_complete()
    wrong = {"rate_limit": 600, "clock_skew": -machine, "date_error": date}
    with polled(account, archive=Archive(database), served=wrong, storage=RETENTION) as world:
        world.live(60)
        before = world.scrape().sum("aircall_calls_total")
        call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=account.now)
        world.live(5)
        account.miss(call.id, "short_abandoned", at=account.now)
        world.live(40)
        assert world.scrape().sum("aircall_calls_total") > before


def live(database: str, account: SimulatedAccount, wrong: WrongClock, run: int):
    served = {"rate_limit": 600, **wrong.served(run)}
    return polled(account, archive=Archive(database), served=served, storage=RETENTION)


def test_restart_progress_of_the_future_is_withdrawn_and_no_call_is_lost(tmp_path: Path) -> None:
    """An exporter could save such progress while both clocks were a day ahead."""
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=12, calls_per_hour=200, seed=3, start=NOON, history=0)
    right = WrongClock("date", 0, "for 20 s")
    with live(database, account, right, run=1) as world:
        world.live(60)
    archive = Archive(database)
    progress = archive.progress()
    assert progress is not None
    ahead = replace(
        progress,
        covered=((progress.covered[0][0], progress.covered[-1][1] + int(DAY)),),
        swept=tuple(swept + int(DAY) for swept in progress.swept),
    )
    archive.save(Batch(progress=ahead))
    archive.close()
    account.advance(account.now + STOP)
    with live(database, account, right, run=2) as world:
        world.live_until_complete()
        fetch_all(world)
        scrape = world.scrape()
        since = world.poller.account.ledger.counted_from
        assert since < world.time.now - 600
        assert scrape.sum("aircall_calls_total") > 0
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == 0
    engine = create_engine(database)
    with engine.connect() as connection:
        assert {row.id for row in connection.execute(select(schema.calls))} == set(account.calls)
    engine.dispose()


@pytest.mark.parametrize("error", [DAY, -DAY])
@pytest.mark.parametrize("when", ["from the start", "later"])
def test_transfer_while_date_is_wrong_is_shown(error: float, when: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, users = next((number.id, sorted(number.user_ids)) for number in account.numbers.values())
    begun = account.ring_in(number, "+33 1 11 11 11 11", at=NOON)
    account.answer(begun.id, users[0], at=NOON + 5)
    with polled_with_events(
        account, served={"date_error": error if when == "from the start" else 0}
    ) as world:
        world.live_until_complete()
        world.aircall.date_error = error
        for user in (users[1], users[0]):
            world.live(30)
            account.transfer(begun.id, user)
            world.live(30)
            scrape = world.scrape()
            assert scrape.labels("aircall_user_current_call_seconds", "user_id") == {str(user)}
            seconds = max(scrape.all("aircall_user_current_call_seconds").values())
            assert seconds == pytest.approx(world.time.now - NOON - 5, abs=2)
