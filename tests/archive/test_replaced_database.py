"""Test databases that are deleted, replaced, restored or damaged while the exporter runs."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event

from exporter.archive import schema
from exporter.archive.replaced_database import MAX_ROWS
from exporter.archive.store import Archive
from exporter.archive.writer_thread import RESTORE_GRACE_S
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from tests.support.archive_contents import rows
from tests.support.archive_counters import assert_counters_are_those_of_the_archive
from tests.support.lost_archives import (
    REPLACED,
    assert_nothing_is_lost,
    back_up,
    is_logged,
    polled_file,
    restore_by_rename,
)
from tests.support.running import eventually, running


def test_a_crash_loop_leaves_few_rows_which_one_query_reads(database: str) -> None:
    running = Archive(database)
    queries: list[int] = []
    running.load()
    engine = create_engine(database)
    counted: list[int] = []
    for added in (10, 1000):
        with engine.begin() as connection:
            row = {"value": json.dumps({"number": 1, "at": time.time() - 3600})}
            names = ({"name": f"session:{added}-{n}", **row} for n in range(added))
            connection.execute(schema.state.insert(), list(names))
        queries.clear()
        event.listen(Engine, "before_cursor_execute", count := lambda *_: queries.append(1))
        restarted = Archive(database)
        restarted.load()
        event.remove(Engine, "before_cursor_execute", count)
        counted.append(len(queries))
        restarted.close()
    assert counted[1] <= counted[0] + 1  # the deletion
    assert len([row for row in rows(database, "state") if row.name.startswith("session:")]) <= MAX_ROWS
    running.heartbeat(time.time())  # its row is newer than those of the crash loop
    running.close()
    engine.dispose()


def database_files(file: Path) -> list[Path]:
    """Return the database file and the files that SQLite keeps with it."""
    return [each for suffix in ("", "-wal", "-shm") if (each := Path(f"{file}{suffix}")).exists()]


def delete_everything(file: Path) -> None:
    for each in database_files(file):
        each.unlink()


def delete_file(file: Path) -> None:
    file.unlink()


def delete_directory(file: Path) -> None:
    shutil.rmtree(file.parent)


def truncate_file(file: Path) -> None:
    file.write_bytes(b"")


def replace_by_empty(file: Path) -> None:
    other = file.with_name("empty.sqlite")
    other.touch()
    other.rename(file)


def replace_by_garbage(file: Path) -> None:
    other = file.with_name("garbage.sqlite")
    other.write_bytes(b"no database" * 1000)
    other.rename(file)


LOSSES = [delete_everything, delete_file, delete_directory, truncate_file, replace_by_empty]


@pytest.mark.parametrize("lose", LOSSES)
def test_sqlite_file_lost_while_running_is_reported_and_begun_again(
    busy: SimulatedAccount, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    file = tmp_path / "data" / "archive.sqlite"
    with polled_file(busy, file) as (world, logged):
        world.live(600)
        lose(file)
        world.live(40)
        assert is_logged(logged, REPLACED) or is_logged(
            logged, "archive unavailable; counters paused, live metrics unaffected"
        )
        assert world.scrape().value("aircall_up") == 1
        world.live(2 * RESTORE_GRACE_S)
        if lose is delete_directory:
            assert world.scrape().value("aircall_archive_up") == 0
            file.parent.mkdir()
            world.live(60)
        assert_counters_are_those_of_the_archive(world, f"sqlite:///{file}")


def restore_after_deletion(file: Path) -> None:
    delete_everything(file)
    restore_by_rename(file)


def move_old_away_first(file: Path) -> None:
    old = file.parent / "old"
    old.mkdir()
    for each in database_files(file):
        each.rename(old / each.name)
    restore_by_rename(file)


def restore_directory(file: Path) -> None:
    new = file.parent.with_name("new")
    new.mkdir()
    file.with_name("backup.sqlite").rename(new / file.name)
    file.parent.rename(file.parent.with_name("old"))
    new.rename(file.parent)


def delete_log(file: Path) -> None:
    for each in database_files(file)[1:]:
        each.unlink()


RESTORATIONS = [
    restore_by_rename,
    restore_after_deletion,
    move_old_away_first,
    restore_directory,
    delete_log,
]


@pytest.mark.parametrize("restore", RESTORATIONS)
def test_sqlite_file_restored_while_running_loses_and_doubles_nothing(
    busy: SimulatedAccount, tmp_path: Path, restore: Callable[[Path], None]
) -> None:
    file = tmp_path / "data" / "archive.sqlite"
    with polled_file(busy, file) as (world, logged):
        world.live(300)
        back_up(file)
        world.live(1500)
        restore(file)
        world.live(60)
        assert is_logged(logged, REPLACED)
        assert_nothing_is_lost(world, f"sqlite:///{file}")


def test_sqlite_file_away_for_a_moment_loses_nothing(busy: SimulatedAccount, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with polled_file(busy, directory / "archive.sqlite") as (world, _):
        world.live(300)
        directory.rename(tmp_path / "away")
        world.live(1200)
        assert world.scrape().value("aircall_archive_up") == 0
        (tmp_path / "away").rename(directory)
        world.live(60)
        assert_nothing_is_lost(world, f"sqlite:///{directory}/archive.sqlite")


def test_sqlite_file_that_is_no_database_is_reported_until_it_is_restored(
    busy: SimulatedAccount, tmp_path: Path
) -> None:
    file = tmp_path / "archive.sqlite"
    with polled_file(busy, file) as (world, logged):
        world.live(300)
        back_up(file)
        replace_by_garbage(file)
        world.live(120)
        assert world.scrape().value("aircall_archive_up") == 0
        assert world.scrape().value("aircall_up") == 1
        assert any("file is not a database; move the file away" in str(line) for line in logged)
        restore_by_rename(file)
        world.live(60)
        assert_nothing_is_lost(world, f"sqlite:///{file}")


def test_running_exporter_reloads_restored_file_and_goes_on(tmp_path: Path) -> None:
    """The exporter runs with its threads in real time. Batches for the earlier file are not saved."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    file, every_second = tmp_path / "archive.sqlite", Refresh(calls=Duration(1), availabilities=Duration(1))
    archive = Archive(f"sqlite:///{file}")
    with running(account, served={"rate_limit": 6000}, archive=archive, refresh=every_second) as exporter:

        def miss_a_call(expected: int) -> None:
            call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=time.time())
            account.miss(call.id, "short_abandoned")
            eventually(lambda: exporter.scrape().sum("aircall_calls_total", outcome="missed") == expected)

        exporter.until_ready()
        miss_a_call(1)
        back_up(file)
        miss_a_call(2)
        restore_by_rename(file)
        miss_a_call(3)
        eventually(lambda: len(rows(f"sqlite:///{file}")) == 3)
        assert exporter.scrape().value("aircall_archive_up") == 1
