"""Polling, calls and counters while the archive's database is unavailable or refused."""

from pathlib import Path

import pytest
from sqlalchemy import PoolProxiedConnection, create_engine

from exporter.archive import schema
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows
from tests.support.calls import finished, live


def test_poll_database_unavailable_continues_and_saves_all_calls_later(postgres_server: Postgres) -> None:
    database = postgres_server.database("away")
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=2, start=NOON)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        before = world.scrape()
        assert before.value("aircall_archive_up") == 1
        postgres_server.stop()
        try:
            world.live(600)
            during = world.scrape()
        finally:
            postgres_server.start()
        assert during.value("aircall_archive_up") == 0
        assert during.number("aircall_archive_lag_seconds") > 500
        assert during.number("aircall_archive_pending_calls") > 10
        assert during.number("aircall_dataset_age_seconds", dataset="calls") < 15
        assert during.sum("aircall_calls_total") == before.sum("aircall_calls_total")
        world.live(60)
        world.freeze()
        after = world.scrape()
        assert (after.value("aircall_archive_up"), after.value("aircall_archive_pending_calls")) == (1, 0)
        counted = {row.id for row in rows(database) if row.counted}
        assert {call.id for call in finished(account, world.poller.account.ledger.counted_from)} <= counted
        assert after.sum("aircall_calls_total") == len(counted)


def test_poll_full_disk_continues_and_saves_all_calls_later(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=2, start=NOON)
    archive = Archive(database)
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        with archive._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        world.live(600)
        assert world.scrape().value("aircall_archive_up") == 0
        assert world.scrape().value("aircall_up") == 1
        with archive._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        world.live(60)
        world.freeze()
        counted = {row.id for row in rows(database) if row.counted}
        assert world.scrape().sum("aircall_calls_total") == len(counted)
        assert {call.id for call in finished(account, world.poller.account.ledger.counted_from)} <= counted


def test_counters_connection_lost_after_a_commit_equal_the_archive(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=2, start=NOON)
    archive = Archive(database)
    dialect = archive._engine.dialect
    commit, broken = dialect.do_commit, list[PoolProxiedConnection]()

    def commit_and_break(connection: PoolProxiedConnection) -> None:
        commit(connection)
        broken.append(connection)
        monkeypatch.undo()
        raise dialect.loaded_dbapi.OperationalError("the connection is lost")

    with polled(account, archive=archive) as world:
        world.live_until_complete()
        account.advance(world.time.now + 300)
        monkeypatch.setattr(dialect, "do_commit", commit_and_break)
        world.live(300)
        world.freeze()
        assert broken
        assert world.scrape().sum("aircall_calls_total") == sum(row.counted for row in rows(database))


def test_counters_archive_missing_at_the_start_appear_once_it_opens(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=200, seed=2, start=NOON)
    missing = tmp_path / "not yet"
    with polled(account, archive=Archive(f"sqlite:///{missing}/archive.sqlite")) as world:
        world.live_until_complete()
        assert not world.scrape().all("aircall_calls_total")
        assert world.scrape().all("aircall_user_period_calls", period="recent")
        missing.mkdir()
        world.live(60)
        assert world.scrape().sum("aircall_calls_total") > 0


def test_counters_archive_unavailable_at_a_restart_count_calls_between_starts(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    directory, away = tmp_path / "data", tmp_path / "away"
    directory.mkdir()
    database = f"sqlite:///{directory}/archive.sqlite"
    live(database, account, 60)
    number = next(iter(account.numbers))
    at = NOON + 120  # the second in which the activity period of the next start begins
    account.miss(account.ring_in(number, "+33 1 11 11 11 11", at=at).id, "short_abandoned", at=at + 5)
    account.advance(at + 900)
    directory.rename(away)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        away.rename(directory)
        world.live(60)
        assert world.scrape().sum("aircall_calls_total") == 1


def test_archive_load_newer_schema_is_refused(database: str) -> None:
    archive = Archive(database)
    archive.load()
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(schema.state.update().values(value="99"))
    engine.dispose()
    with pytest.raises(ArchiveError, match="archive schema is at version 99, expected 3"):
        archive.load()


def test_archive_up_unexpected_error_is_0_until_a_save_succeeds(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, archive = SimulatedAccount(users=6, calls_per_hour=60, seed=2, start=NOON), Archive(database)
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        monkeypatch.setattr(archive, "save", lambda _: 1 / 0)
        world.time.now += 60
        world.poller.step()
        world.writer._run_once()
        assert world.scrape().value("aircall_archive_up") == 0
        monkeypatch.undo()
        world.live(60)
        assert world.scrape().value("aircall_archive_up") == 1


def test_sqlite_url_directory_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot be created"):
        sqlite_url(str(tmp_path / "file" / "data"))
