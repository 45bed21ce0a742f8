"""An exporter that stands by takes the account only if it can start, and leaves it if its start fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from structlog.testing import capture_logs

from exporter.account.records import LoadedState
from exporter.archive import caller_key
from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError
from exporter.archive.standby import LOADABLE_CHECK_INTERVAL_S, REJOIN_GRACE_S, TAKEN
from exporter.archive.store import Archive
from exporter.archive.writer import ArchiveWriter, WriterCallbacks
from exporter.config.settings import Settings
from harness.postgres import Postgres
from harness.simulated_time import SimulatedTime
from tests.support.exporter_pair import holders
from tests.support.running import eventually


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("takeover")


class Other:
    """An exporter that stands by, in simulated time."""

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


def break_key(other: Other, _: str) -> None:
    other.key.write_text("another key of forty letters, at least so")


def remove_key(other: Other, _: str) -> None:
    other.key.unlink()


def make_newer(_: Other, url: str) -> None:
    execute(url, "UPDATE state SET value = '999' WHERE name = 'version'")


def lose_a_table(_: Other, url: str) -> None:
    execute(url, "DROP TABLE totals")


def execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (break_key, "found another key than the one"),
        (remove_key, "cannot be read"),
        (make_newer, "is at version 999"),
        (lose_a_table, "the archive is partly lost"),
    ],
)
def test_standby_that_cannot_open_the_archive_reports_it_and_takes_no_lock(
    url: str, tmp_path: Path, leader: Archive, fail: Callable[[Other, str], None], said: str
) -> None:
    other = Other(url, tmp_path, "other")
    other.key.write_text("k" * 40)
    with capture_logs() as logged:
        other.live(3)
        assert other.writer.standby_reason == TAKEN
        fail(other, url)
        other.live(LOADABLE_CHECK_INTERVAL_S + 1)
        assert said in str(other.writer.standby_reason)
        leader.close()
        eventually(lambda: not holders(url))
        taken = Taken(other)
        other.live()
        assert not taken.times
        assert said in str(other.writer.standby_reason)
        assert not other.loaded
        assert len([line for line in logged if said in str(line)]) == 1
        other.archive.close()


class Taken:
    """How often an exporter has taken the lock."""

    def __init__(self, other: Other) -> None:
        self.times = 0
        event.listen(other.archive._engine, "connect", self._connected)

    def _connected(self, *_: object) -> None:
        self.times += 1


@pytest.mark.parametrize("error", [ArchiveError("cannot be made"), ValueError("unforeseen"), MemoryError()])
def test_standby_whose_start_fails_releases_the_lock(
    url: str, tmp_path: Path, leader: Archive, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    other = Other(url, tmp_path, "key")
    leader.close()
    eventually(lambda: not holders(url))
    taken = Taken(other)
    with capture_logs() as logged:
        with monkeypatch.context() as patched:
            patched.setattr(caller_key, "claim", fail)
            other.live()
        assert taken.times
        if isinstance(error, ArchiveError):
            said = [line["event"] for line in logged if line.get("problem") == str(error)]
            assert said == ["takeover failed; still on standby"]
        eventually(lambda: not holders(url))
        assert not other.loaded
        other.live(60)
        assert len(other.loaded) == 1
        assert holders(url)
    other.archive.close()
