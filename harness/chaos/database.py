"""The archive's database: what goes wrong with it, and what is in it in the end."""

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
    """A database whose `url` is SQLAlchemy's."""

    url: str

    def actions(self) -> list[Action]:
        """Return what may go wrong with it."""
        ...


class Sqlite:
    """The archive that an exporter has in its directory if nothing else is configured."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "archive.sqlite"
        self.url = f"sqlite:///{self.path}"

    def actions(self) -> list[Action]:
        return [Action("locked", self._locked)]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that every writer needs."""
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")


class PostgreSQL:
    """A database on a server of our own."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.url = server.database("chaos")

    def actions(self) -> list[Action]:
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
