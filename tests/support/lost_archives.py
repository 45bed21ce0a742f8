"""Lose, replace and restore archives, and check that no call is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.simulated_time import Polled, polled
from tests.support.archive_contents import rows
from tests.support.recovery import fetch_all

RARELY = Refresh(calls=Duration(30), availabilities=Duration(60))


REPLACED = "archive replaced; loading it again"


def back_up(file: Path) -> None:
    """Copy the archive as it is now."""
    source, target = sqlite3.connect(file), sqlite3.connect(file.with_name("backup.sqlite"))
    source.backup(target)
    target.close()
    source.close()


@contextmanager
def polled_file(account: SimulatedAccount, file: Path) -> Iterator[tuple[Polled, list[EventDict]]]:
    """Poll with an archive in a file until all datasets are fetched. Yields also the lines of the log."""
    file.parent.mkdir(exist_ok=True)
    with (
        capture_logs() as logged,
        polled(account, archive=Archive(f"sqlite:///{file}"), refresh=RARELY) as world,
    ):
        world.live_until_complete()
        yield world, logged


def is_logged(logged: list[EventDict], event: str) -> bool:
    return any(line["event"] == event for line in logged)


def assert_nothing_is_lost(world: Polled, database: str) -> None:
    fetch_all(world)
    assert world.scrape().value("aircall_archive_up") == 1
    assert counted(world.scrape()) == to_be_counted(world.account)
    assert archived_calls(rows(database)) == expected_calls(world.account)


def restore_by_rename(file: Path) -> None:
    file.with_name("backup.sqlite").rename(file)


def execute(database: str, *statements: str) -> None:
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
