"""Test the writer while the archive is unavailable or its queue is full: calls are fetched again."""

import random
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from exporter.account.records import Batch, CallRecord, QueueFullError, SaveResult
from exporter.aircall.models import Call, CallDetails
from exporter.archive import schema, writer_thread
from exporter.archive.status import ArchiveStatus
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling.tasks import LATE_EDITS
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from harness.unavailable_archive import UnavailableArchive
from tests.support.archive_contents import saved_ids as ids
from tests.support.recovery import fetch_all, until_no_range_is_missing

PAGE = 50
HOUR = 3600


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=30, calls_per_hour=300, seed=11, start=NOON, history=0)


def assert_nothing_is_lost(world: Polled, database: str) -> None:
    fetch_all(world)
    assert counted(world.scrape()) == to_be_counted(world.account)
    engine = create_engine(database)
    with engine.connect() as connection:
        assert archived_calls(connection.execute(select(schema.calls))) == expected_calls(world.account)
    engine.dispose()


@pytest.mark.parametrize(
    "available_at_start", [True, False], ids=["available at the start", "unavailable at the start"]
)
def test_writer_during_an_outage_keeps_a_limited_number_of_calls(
    account: SimulatedAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available_at_start: bool
) -> None:
    monkeypatch.setattr(writer_thread, "MAX_PENDING_CALLS", 100)
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    archive = UnavailableArchive(database)
    archive.unavailable = not available_at_start
    rarely = Refresh(calls=Duration(30), availabilities=Duration(60))
    with polled(account, archive=archive, refresh=rarely) as world:
        world.live_until_complete()
        world.live(300)
        archive.unavailable = True
        for _ in range(10):
            world.live(HOUR / 4)
            assert world.writer.status().waiting <= 100 + PAGE
        assert world.writer.status().waiting >= 100
        assert world.scrape().value("aircall_up") == 1
        archive.unavailable = False
        world.live(60)
        assert_nothing_is_lost(world, database)


class SlowArchive(Archive):
    """An archive that calls `during_save` while a batch is saved."""

    during_save = staticmethod(lambda: None)

    def save(self, batch: Batch) -> SaveResult:
        self.during_save()
        return super().save(batch)


def test_status_during_a_slow_save_includes_the_calls_of_the_batch(account: SimulatedAccount) -> None:
    archive = SlowArchive("sqlite://")
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        waiting_since = world.time.now
        during = list[ArchiveStatus]()

        def save_for_a_minute() -> None:
            world.time.now += 60
            during.append(world.writer.status())

        archive.during_save = save_for_a_minute
        world.writer.submit(
            Batch(records={7: CallRecord(Call(7, "inbound", "done", int(NOON)), CallDetails(), "full")})
        )
        world.writer.step()
        assert [(status.waiting, status.waiting_since) for status in during] == [(1, waiting_since)]
        assert (world.writer.status().waiting, world.writer.status().waiting_since) == (0, None)


class UnreliableQueue:
    """A queue that rejects batches at random.

    Calls are not fetched again for late edits, because that would find all of them.
    """

    def __init__(self, world: Polled, seed: int) -> None:
        self.full, self.rejected = False, 0
        self._world, self._chance = world, random.Random(seed)
        world.poller._save = self._submit
        world.poller.tasks.enabled = set(world.poller.tasks.enabled) - {LATE_EDITS}

    def live(self) -> None:
        for _ in range(100):
            self.full = self._chance.random() < 0.5
            self._world.live(self._chance.choice((0.2, 1, 5)))
        self.full = False

    def _submit(self, batch: Batch) -> None:
        if self.full:
            self.rejected += 1
            raise QueueFullError
        self._world.writer.submit(batch)


@pytest.mark.parametrize("seed", range(3))
def test_writer_with_a_queue_that_is_often_full_loses_no_call(
    account: SimulatedAccount, tmp_path: Path, seed: int
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(database)) as world:
        queue = UnreliableQueue(world, seed)
        for _ in range(3):
            queue.full = True
            world.live(900)
            queue.live()
        assert queue.rejected
        world.live(60)
        assert_nothing_is_lost(world, database)


def test_backfill_with_a_queue_that_is_often_full_loses_no_call(tmp_path: Path) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=120, seed=3, start=NOON)
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        queue = UnreliableQueue(world, seed=1)
        queue.live()
        assert queue.rejected
        until_no_range_is_missing(world)
        world.freeze()
    since = NOON - 24 * HOUR + 60
    assert {call.id for call in account.calls.values() if call.started_at >= since} <= ids(database)
