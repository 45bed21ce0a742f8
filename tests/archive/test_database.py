"""Test transactions on PostgreSQL whose client has lost its connection, and which keep their locks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from structlog.testing import capture_logs

from exporter.account.records import Batch, CallRecord, Checkpoint
from exporter.aircall.models import Call, CallDetails
from exporter.archive import database
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.archive.writer_thread import ArchiveWriter, WriterCallbacks
from exporter.clock import Clocks
from exporter.config.settings import Aircall, Settings
from exporter.runtime import stalled_archive, watchdog
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from tests.support.archive_contents import rows
from tests.support.running import eventually, running
from tests.support.tcp_proxy import Proxy

NAMED = Batch(names={("user", "1"): "Ada"}, progress=Checkpoint(((1, 2_000_000_000),), 1))

WRITES: dict[str, Callable[[Archive], object]] = {
    "load": lambda archive: archive.load(),
    "save": lambda archive: archive.save(NAMED),
    "heartbeat": lambda archive: archive.heartbeat(time.time()),
    "manual backfills": lambda archive: archive.set_manual_backfills(((1, 2),)),
    "user states": lambda archive: archive.save_user_states({1: ("available", 1.0)}),
    "retention": lambda archive: archive.purge_expired(10),
    "hiding": lambda archive: archive.hide("hidden"),
    "forgetting": lambda archive: archive.erase("+33123456789", 1),
}


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("lost")


@contextmanager
def short_timeouts(idle: float = 1.0) -> Iterator[None]:
    """End waits for locks after 0.2 s, and transactions after `idle` seconds without a statement.

    A slow machine may need longer between two statements. So transactions that have to succeed are outside.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "LOCK_SECONDS", 0.2)
        patch.setattr(database, "IDLE_SECONDS", idle)
        yield


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "caller.key", made_here=True)
    file.make()
    return file


DEFAULTS = {
    "default_transaction_isolation": "repeatable read",
    "standard_conforming_strings": "off",
    "statement_timeout": "1min",
    "lock_timeout": "1ms",
    "synchronous_commit": "off",
    "timezone": "Asia/Kolkata",
}
"""Other defaults of a database than PostgreSQL's own."""

EXPECTED = {"transaction_isolation": "read committed", "standard_conforming_strings": "on"}


@pytest.fixture
def url_with_defaults(postgres_server: Postgres, url: str) -> str:
    name = url.rsplit("/", 1)[1]
    postgres_server.execute(
        *(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'" for setting, value in DEFAULTS.items())
    )
    return url


def test_transactions_do_not_depend_on_the_defaults_of_the_server(url_with_defaults: str) -> None:
    archive = Archive(url_with_defaults)
    archive.load()
    archive.save(NAMED)
    engine = database.engine_for(url_with_defaults)
    for transaction, statement_timeout, lock_timeout in (
        (archive.searching(), f"{database.SEARCH_SECONDS}s", "0"),
        (database.write_transaction(engine), "0", f"{database.LOCK_SECONDS:.0f}s"),
    ):
        with transaction as connection:
            assert {name: connection.scalar(text(f"SHOW {name}")) for name in EXPECTED} == EXPECTED
            assert connection.scalar(text("SHOW statement_timeout")) == statement_timeout
            assert connection.scalar(text("SHOW lock_timeout")) == lock_timeout
    with archive.searching() as connection:
        statements = [
            connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) for _ in range(9)
        ]
    assert set(statements) == {0}  # a connection pooler may give the next transaction another session
    archive.close()
    engine.dispose()


def is_waiting(observer: Connection) -> bool:
    """Return whether a session waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    found = observer.scalar(text(waiting))
    observer.commit()
    return bool(found)


def test_save_that_waits_for_an_erasure_archives_no_personal_data(
    url_with_defaults: str, key_file: KeyFile
) -> None:
    archive, number = Archive(url_with_defaults, key_file), "+33 1 22 33 44 55"
    archive.load()
    call = Call(1, "inbound", "done", 1, ended_at=2, raw_digits=number)
    batch = Batch(records={1: CallRecord(call, CallDetails(), "full")})
    saving = threading.Thread(target=lambda: archive.save(batch))
    engine = create_engine(url_with_defaults, isolation_level="READ COMMITTED")
    with engine.connect() as observer, engine.begin() as erasing:
        erasing.execute(text("SELECT * FROM state WHERE name = 'version' FOR UPDATE"))
        saving.start()
        eventually(lambda: is_waiting(observer))
        row = {"hash": key_file.read().hash(number)}
        erasing.execute(text("INSERT INTO forgotten VALUES (:hash, 1)"), row)
    saving.join()
    assert [row.caller for row in rows(url_with_defaults)] == ["forgotten"]
    archive.close()
    engine.dispose()


def through(tcp_proxy: Proxy, url: str) -> str:
    """Return the URL of the same database through the proxy."""
    return f"postgresql+psycopg://aircall@{tcp_proxy.address}/{url.rsplit('/', 1)[1]}"


def sessions_ended_by_the_server(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(
            text("SELECT sessions_fatal FROM pg_stat_database WHERE datname = current_database()")
        )
    engine.dispose()
    return int(found or 0)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_transaction_whose_connection_is_reset_at_its_commit_is_ended_by_the_server(
    url: str, tcp_proxy: Proxy, key_file: KeyFile, write: Callable[[Archive], object]
) -> None:
    archive = Archive(through(tcp_proxy, url), key_file)
    archive.load()
    archive.save(NAMED)
    tcp_proxy.reset_at = b"COMMIT\0"  # not READ COMMITTED
    attempts = 0
    with short_timeouts():
        while tcp_proxy.reset_at:  # on a slow machine, the server may end a transaction before its commit
            attempts += 1
            with pytest.raises(ArchiveError):
                write(archive)
    eventually(lambda: sessions_ended_by_the_server(url) == attempts, within=20)
    write(archive)
    archive.close()


@pytest.mark.parametrize("write", [WRITES["save"], WRITES["forgetting"]])
def test_statement_that_waits_for_a_lock_fails_and_names_the_reason(
    url: str, key_file: KeyFile, write: Callable[[Archive], object]
) -> None:
    archive, engine = Archive(url, key_file), create_engine(url)
    archive.load()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE state IN ACCESS EXCLUSIVE MODE"))
        with short_timeouts(), pytest.raises(ArchiveError, match=r"lock timeout.*pg_stat_activity"):
            write(archive)
    write(archive)
    archive.close()
    engine.dispose()


def test_exporter_whose_connection_is_reset_at_a_commit_logs_the_lock_and_recovers(
    url: str, tcp_proxy: Proxy
) -> None:
    archive, engine = Archive(through(tcp_proxy, url)), create_engine(url)
    now = 0.0
    writer = ArchiveWriter(
        archive,
        Clocks(lambda: now),
        WriterCallbacks(lambda _: None, lambda *_: None, lambda _: None),
        lambda: Settings(aircall=Aircall("id", "token")),
    )
    writer.step()
    assert writer.status().working

    def recovered() -> bool:
        """Let the writer try again. Returns whether the archive works."""
        nonlocal now
        now += 100.0
        writer.step()
        return writer.status().working

    with capture_logs() as logged:
        tcp_proxy.reset_at = b"COMMIT\0"
        with short_timeouts():
            while tcp_proxy.reset_at:
                assert not recovered()
        with short_timeouts(idle=database.IDLE_SECONDS):
            eventually(recovered, within=20)
    problems = [line["problem"] for line in logged if line["event"].startswith("archive unavailable")]
    assert len(problems) == len(set(problems)) >= 2  # each reason once
    assert "lock timeout" in problems[-1]
    archive.close()
    engine.dispose()


def test_search_that_is_read_slowly_is_not_ended(url: str) -> None:
    archive = Archive(url)
    archive.load()
    with archive.searching() as connection:
        assert connection.scalar(text("SELECT current_setting('idle_in_transaction_session_timeout')")) == "0"
    archive.close()


def test_exporter_whose_connection_stalls_breaks_it_off_and_loses_nothing(
    url: str, tcp_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.1)
    monkeypatch.setattr(stalled_archive, "STALLED_AFTER_S", 5.0)
    monkeypatch.setattr(database, "IDLE_SECONDS", 0.5)  # the dead connection may hold locks
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    archive = Archive(through(tcp_proxy, url))
    with running(account, served={"rate_limit": 6000}, archive=archive) as exporter:
        eventually(lambda: exporter.service._writer.confirmed_at > 0)
        tcp_proxy.stall()
        number = next(iter(account.numbers))
        call = account.ring_in(number, "+33 1 11 11 11 11")
        account.miss(call.id, "no_available_agent")
        with capture_logs() as logged:
            eventually(lambda: exporter.scrape().sum("aircall_missed_calls_total") == 1)
        broken_off = [line for line in logged if "database does not answer" in line["event"]]
        assert len(broken_off) == 1
