"""Tests that an error of a SQLite archive is one line with the place, the problem and the remedy."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.archive import database
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from tests.support.search_ways import command


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file of an archive that another connection has locked."""
    monkeypatch.setattr(database, "SQLITE_LOCK_SECONDS", 0.1)
    file = tmp_path / "archive.sqlite"
    with closing(Archive(f"sqlite:///{file}")) as archive:
        archive.load()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield file


@pytest.mark.parametrize(
    "arguments",
    [["report"], ["calls", "--from=1h"], ["forget", "--yes", "+33 1 11 11 11 11"]],
    ids=lambda given: given[0],
)
def test_command_on_a_locked_archive_names_the_file_and_the_remedy(
    locked: Path, arguments: list[str]
) -> None:
    name, *flags = arguments
    printed = command(f"sqlite:///{locked}", *flags, name=name)
    assert (printed.code, printed.out) == (1, "")
    assert printed.err == (
        f"aircall-exporter: {name}: {locked}: database is locked;"
        " another process has locked it, such as a SQLite shell or a backup; try again later\n"
    )


def test_load_of_a_locked_archive_has_the_same_error(locked: Path) -> None:
    with closing(Archive(f"sqlite:///{locked}")) as archive, pytest.raises(ArchiveError) as raised:
        archive.load()
    assert str(raised.value).startswith(f"{locked}: database is locked; another process")


def test_load_of_a_file_that_is_no_database_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    file.write_bytes(b"no database" * 1000)
    with closing(Archive(f"sqlite:///{file}")) as archive, pytest.raises(ArchiveError) as raised:
        archive.load()
    assert str(raised.value).startswith(f"{file}: file is not a database; move the file away")


def test_load_of_a_file_that_cannot_be_opened_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "none" / "archive.sqlite"
    with closing(Archive(f"sqlite:///{file}")) as archive, pytest.raises(ArchiveError) as raised:
        archive.load()
    assert str(raised.value) == (
        f"{file}: unable to open database file;"
        " the user of this process needs write access to the file and its directory"
    )
