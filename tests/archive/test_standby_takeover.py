"""Test takeovers by exporters on standby that cannot load the archive, or whose start fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from structlog.testing import capture_logs

from exporter.account.records import Batch, CallRecord, LoadedState
from exporter.aircall.models import Call, CallDetails
from exporter.archive import caller_key, database
from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError
from exporter.archive.leader_election import LOCK
from exporter.archive.standby import CHECK_INTERVAL_S, LOADABLE_CHECK_INTERVAL_S, REJOIN_GRACE_S, TAKEN
from exporter.archive.store import Archive
from exporter.archive.writer_thread import HEARTBEAT_INTERVAL_S, MAX_RETRY_S, ArchiveWriter, WriterCallbacks
from exporter.config.settings import Settings
from harness.postgres import Postgres, end_sessions
from harness.simulated_time import SimulatedTime
from tests.support.exporter_pair import holders
from tests.support.running import eventually


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("takeover")


class StandbyExporter:
    """An exporter on standby, in simulated time."""

    def __init__(self, url: str, directory: Path, name: str) -> None:
        self.key = directory / name
        self.archive = Archive(url, key_file(str(self.key), str(directory)), exclusive=True)
        self.time = SimulatedTime()
        self.loaded: list[LoadedState] = []
        listener = WriterCallbacks(self.loaded.append, lambda *_: None, lambda _: None)
        self.writer = ArchiveWriter(self.archive, self.time, listener, settings=Settings)

    def live(self, seconds: float = REJOIN_GRACE_S + 2) -> None:
        until = self.time.now + seconds
        while self.time.now < until:
            self.writer._run_once()
            self.time.now += 1


@pytest.fixture
def leader(url: str, tmp_path: Path) -> Archive:
    (tmp_path / "key").write_text("k" * 40)
    archive = Archive(url, key_file(str(tmp_path / "key"), str(tmp_path)), exclusive=True)
    archive.load()
    return archive


def break_key(standby: StandbyExporter, _: str) -> None:
    standby.key.write_text("another key of at least 32 characters")


def remove_key(standby: StandbyExporter, _: str) -> None:
    standby.key.unlink()


def raise_version(_: StandbyExporter, url: str) -> None:
    execute(url, "UPDATE state SET value = '999' WHERE name = 'version'")


def drop_table(_: StandbyExporter, url: str) -> None:
    execute(url, "DROP TABLE totals")


def execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("fail", "problem"),
    [
        (break_key, "found another key than the one"),
        (remove_key, "cannot be read"),
        (raise_version, "is at version 999"),
        (drop_table, "the archive is partly lost"),
    ],
)
def test_standby_that_cannot_open_the_archive_reports_it_and_takes_no_lock(
    url: str, tmp_path: Path, leader: Archive, fail: Callable[[StandbyExporter, str], None], problem: str
) -> None:
    standby = StandbyExporter(url, tmp_path, "standby")
    standby.key.write_text("k" * 40)
    with capture_logs() as logged:
        standby.live(3)
        assert standby.writer.standby_reason == TAKEN
        fail(standby, url)
        standby.live(LOADABLE_CHECK_INTERVAL_S + 1)
        assert problem in str(standby.writer.standby_reason)
        leader.close()
        eventually(lambda: not holders(url))
        connections = ConnectionCounter(standby)
        standby.live()
        assert not connections.count
        assert problem in str(standby.writer.standby_reason)
        assert not standby.loaded
        assert len([line for line in logged if problem in str(line)]) == 1
        standby.archive.close()


class ConnectionCounter:
    """Counts the connections of an exporter, each of which takes the lock."""

    def __init__(self, standby: StandbyExporter) -> None:
        self.count = 0
        event.listen(standby.archive._engine, "connect", self._connected)

    def _connected(self, *_: object) -> None:
        self.count += 1


@pytest.mark.parametrize("error", [ArchiveError("cannot be made"), ValueError("unexpected"), MemoryError()])
def test_standby_whose_start_fails_releases_the_lock(
    url: str, tmp_path: Path, leader: Archive, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    standby = StandbyExporter(url, tmp_path, "key")
    leader.close()
    eventually(lambda: not holders(url))
    connections = ConnectionCounter(standby)
    with capture_logs() as logged:
        with monkeypatch.context() as patched:
            patched.setattr(caller_key, "claim", fail)
            standby.live()
        assert connections.count
        if isinstance(error, ArchiveError):
            events = [line["event"] for line in logged if line.get("problem") == str(error)]
            assert events == ["takeover failed; still on standby"]
        eventually(lambda: not holders(url))
        assert not standby.loaded
        standby.live(60)
        assert len(standby.loaded) == 1
        assert holders(url)
    standby.archive.close()


class Leader(StandbyExporter):
    """An exporter that leads from the start, and notes that it was replaced."""

    def __init__(self, url: str, directory: Path) -> None:
        (directory / "leader").write_text("k" * 40)
        super().__init__(url, directory, "leader")
        self.lost = 0
        listener = WriterCallbacks(self.loaded.append, lambda *_: None, lambda _: None, self._on_lost)
        self.writer = ArchiveWriter(self.archive, self.time, listener, settings=Settings)
        self.live(2)
        assert self.loaded

    def _on_lost(self) -> None:
        self.lost += 1

    def is_unavailable(self) -> bool:
        return not self.writer.status().working


@contextmanager
def held(url: str, *statements: str) -> Iterator[None]:
    """Execute statements in a transaction of another client, which goes on meanwhile."""
    engine = create_engine(url)
    with engine.connect() as connection, connection.begin():
        for statement in statements:
            connection.execute(text(statement))
        yield
    engine.dispose()


def test_leader_whose_saves_wait_for_a_lock_still_shows_activity(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    leader, standby = Leader(url, tmp_path), StandbyExporter(url, tmp_path, "leader")
    call = Call(1, "inbound", "done", int(leader.time.now), None, int(leader.time.now) + 9)
    with held(url, "LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"):
        leader.writer.submit(Batch(records={1: CallRecord(call, CallDetails(), "full")}))
        activities = set()
        for _ in range(4):
            leader.live(MAX_RETRY_S)
            activities.add(repr(standby.archive.leader_activity()))
        assert leader.is_unavailable()
    assert len(activities) == 4
    leader.live(MAX_RETRY_S)
    assert not leader.is_unavailable()
    assert leader.lost == 0
    leader.archive.close()
    standby.archive.close()


def test_leader_whose_lock_another_exporter_has_while_it_tries_to_load_continues(
    url: str, tmp_path: Path
) -> None:
    leader = Leader(url, tmp_path)
    end_sessions(url)
    with held(url, f"SELECT pg_advisory_lock({LOCK[0]}, {LOCK[1]})"):
        leader.live(20)
        assert leader.is_unavailable()
        assert leader.lost == 0
    leader.live(CHECK_INTERVAL_S + 1)
    assert not leader.is_unavailable()
    execute(url, """UPDATE state SET value = '"another"' WHERE name = 'leader'""")
    leader.live(HEARTBEAT_INTERVAL_S + 1)
    assert leader.lost == 1
    leader.archive.close()
