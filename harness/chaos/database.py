"""Provide the archive's database, its faults, and its calls in the end."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Row, create_engine, select

from exporter.archive import schema
from harness.chaos.tracks import Action
from harness.postgres import Postgres, end_sessions, postgres


class Database(Protocol):
    """A database with SQLAlchemy's `url`."""

    url: str

    def actions(self) -> list[Action]:
        """Return the faults of this database."""
        ...


class Sqlite:
    """The default archive in the exporter's directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "archive.sqlite"
        self.url = f"sqlite:///{self.path}"

    def actions(self) -> list[Action]:
        """Return the faults of SQLite."""
        return [Action("locked", self._locked)]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the write lock."""
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection:
            while not _begun(connection):  # SQLite gives up if others open the file at the same time
                pass
            yield
            connection.execute("ROLLBACK")


def _begun(connection: sqlite3.Connection) -> bool:
    """Take the write lock. Returns False if this has to be tried again."""
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_PROTOCOL":
            raise
        return False
    return True


class PostgreSQL:
    """A database on its own server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.url = server.database("chaos")

    def actions(self) -> list[Action]:
        """Return the faults of PostgreSQL."""
        return [Action("connections reset", self._reset), Action("stopped", self._stopped)]

    @contextmanager
    def _reset(self) -> Iterator[None]:
        end_sessions(self.url)
        yield

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()


@contextmanager
def database(kind: str, directory: Path) -> Iterator[Database]:
    """Provide an empty database of a kind, `sqlite` or `postgresql`."""
    if kind == "sqlite":
        yield Sqlite(directory)
        return
    with postgres() as server:
        yield PostgreSQL(server)


def rows(url: str) -> Sequence[Row[Any]]:
    """Return the archive's calls."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(select(schema.calls)).all()
    finally:
        engine.dispose()
