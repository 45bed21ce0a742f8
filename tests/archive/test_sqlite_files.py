"""Test SQLite files that become smaller while the exporter runs, by `VACUUM` or because they are damaged."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.archive.store import Archive
from exporter.archive.wal_file import log_is_cut_off
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import polled
from tests.support.lost_archives import REPLACED, assert_nothing_is_lost, back_up, is_logged, polled_file


def execute(file: Path, *statements: str) -> None:
    """Execute statements in a new connection, and write the changes to the database file itself."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in (*statements, "PRAGMA wal_checkpoint(TRUNCATE)"):
        connection.execute(statement).fetchall()
    connection.close()


def fill(file: Path) -> None:
    """Make the file larger by pages that are no longer used."""
    execute(
        file,
        "CREATE TABLE filling AS SELECT randomblob(1000000) AS filling",
        "DROP TABLE filling",
    )


def test_archive_that_another_process_vacuums_stays_in_use(busy: SimulatedAccount, tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    with polled_file(busy, file) as (world, logged):
        world.live(300)
        for _ in range(2):
            fill(file)
            world.live(20)
            before = file.stat().st_size
            execute(file, "VACUUM")
            assert file.stat().st_size < before
            world.live(60)
        assert not is_logged(logged, REPLACED)
        assert not is_logged(logged, "archive works again")
        assert_nothing_is_lost(world, f"sqlite:///{file}")


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def copy_smaller_backup_over_it(file: Path) -> None:
    shutil.copyfile(file.with_name("backup.sqlite"), file)


@pytest.mark.parametrize("damage", [cut_in_half, copy_smaller_backup_over_it])
def test_archive_that_is_cut_off_after_a_vacuum_is_reported(
    busy: SimulatedAccount, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    file = tmp_path / "archive.sqlite"
    with polled_file(busy, file) as (world, logged):
        world.live(60)
        back_up(file)
        fill(file)
        world.live(20)
        execute(file, "VACUUM")
        world.live(20)
        fill(file)
        world.live(20)
        assert not is_logged(logged, REPLACED)
        damage(file)
        world.live(20)
        assert is_logged(logged, REPLACED)


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_archive_whose_log_is_cut_off_is_reported_and_nothing_is_lost(
    busy: SimulatedAccount, tmp_path: Path, part: float
) -> None:
    file = tmp_path / "archive.sqlite"
    log = file.with_name("archive.sqlite-wal")
    with polled_file(busy, file) as (world, logged):
        world.live(300)
        os.truncate(log, int(log.stat().st_size * part))
        world.live(20)
        assert is_logged(logged, REPLACED)
        world.live(300)
        assert_nothing_is_lost(world, f"sqlite:///{file}")


def test_log_that_is_cut_off_during_a_search_is_reported(busy: SimulatedAccount, tmp_path: Path) -> None:
    """The end of the search must not take the shorter log for the usual one."""
    file = tmp_path / "archive.sqlite"
    log = file.with_name("archive.sqlite-wal")
    archive = Archive(f"sqlite:///{file}")
    with capture_logs() as logged, polled(busy, archive=archive) as world:
        world.live_until_complete()
        with archive.searching():
            os.truncate(log, log.stat().st_size // 2)
        world.live(20)
    assert is_logged(logged, REPLACED)


LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
"""
"""Take the lock that SQLite takes before it makes the index shorter (https://sqlite.org/walformat.html)."""


def test_examination_of_the_log_keeps_the_locks_of_the_process(
    busy: SimulatedAccount, tmp_path: Path
) -> None:
    """A process that closes a file loses its locks on it, and then dies if another one cuts off the file."""
    file = tmp_path / "archive.sqlite"
    with polled_file(busy, file) as (world, _):
        world.live(60)
        assert not log_is_cut_off(file)
        command = [sys.executable, "-c", LOCK, f"{file}-shm"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "BlockingIOError" in tried.stderr
