"""Copy a SQLite archive to a file, also while an exporter writes to it."""

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from exporter.archive.database import ArchiveError
from exporter.durable_files import sync_directory

_SUFFIXES = ("", "-journal", "-wal", "-shm")
"""What SQLite may leave of a copy that is not completed."""


def back_up(engine: Engine, to: Path) -> None:
    """Copy the archive of `engine` to the new file `to`, which only its owner can read.

    The file has this name only once it is complete and on disk.

    Raises:
        ArchiveError: The archive is damaged, or cannot be read or copied.
        OSError: The file exists, or cannot be created.
    """
    _require_missing(to)
    descriptor, name = tempfile.mkstemp(prefix=f".{to.name}.", dir=to.parent)
    os.close(descriptor)
    try:
        _copy(engine, name)
        _require_missing(to)
        Path(name).rename(to)
        sync_directory(to.parent)
    finally:
        for suffix in _SUFFIXES:
            Path(f"{name}{suffix}").unlink(missing_ok=True)


def _require_missing(file: Path) -> None:
    if os.path.lexists(file):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))


def _copy(engine: Engine, name: str) -> None:
    """Copy all pages as they are at one moment, and check the copy.

    SQLite begins again with each write between two steps, so all pages are copied in one step. In WAL mode,
    that does not block the exporter.
    """
    with engine.connect() as connection, closing(sqlite3.connect(name)) as copy:
        source: Any = connection.connection.driver_connection
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, which a read-only directory can hold too
            (problem,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise ArchiveError(f"the archive cannot be copied: {error}") from error
    if problem != "ok":
        found = " ".join(problem.split())
        raise ArchiveError(f"the archive is damaged and was not copied: {found}; restore an earlier backup")
