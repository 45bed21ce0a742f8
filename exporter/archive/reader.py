"""Search an archive, and erase callers from it, also while an exporter uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, exists, select

from exporter.archive import caller_key, erasure, open_connections, schema
from exporter.archive.backup import back_up
from exporter.archive.caller_key_file import CallerKey, KeyFile
from exporter.archive.create_tables import require_current
from exporter.archive.criteria import Criteria
from exporter.archive.database import (
    ArchiveError,
    archive_errors,
    engine_for,
    read_transaction,
    scrub,
    size,
    write_transaction,
)
from exporter.archive.search import CallResult, search
from exporter.config.database_url import location

ANY_HASH = select(exists().where(schema.calls.c.caller_hash >= ""))
"""Whether any caller has a hash. The comparison makes SQLite use the index, too."""


class ArchiveReader:
    """An archive as commands and the API use it. Every method raises ArchiveError if the database fails."""

    def __init__(self, url: str, key_file: KeyFile | None = None) -> None:
        """Use the database at `url`. The first use connects to it."""
        self._engine = self._search_engine = engine_for(url)
        self._key_file = key_file

    def close(self) -> None:
        """Close all connections to the database."""
        self._engine.dispose()
        self._search_engine.dispose()

    def break_off(self) -> None:
        """Break off the connections on which another thread waits for an answer. It gets an ArchiveError."""
        open_connections.break_off(self._engine)

    def search(self, criteria: Criteria) -> Iterator[CallResult]:
        """Yield the calls that match, newest first. Raises ArchiveError also if there is no archive yet."""
        with self.searching() as connection:
            yield from search(connection, self.with_caller_hashes(connection, criteria))

    @contextmanager
    def searching(self) -> Iterator[Connection]:
        """Yield a connection for searches. Raises ArchiveError also if there is no archive yet."""
        with archive_errors(), read_transaction(self._search_engine) as connection:
            require_current(connection)
            yield connection

    def with_caller_hashes(self, connection: Connection, criteria: Criteria) -> Criteria:
        """Return the criteria with the hashes of the callers, to find masked and hidden callers too.

        Raises:
            ArchiveError: The archive has hashes of callers, and the key is missing or another one.
        """
        if not criteria.callers or not connection.scalar(ANY_HASH):
            return criteria
        key = self._key_of(connection)
        return replace(criteria, caller_hashes=tuple(filter(None, map(key.hash, criteria.callers))))

    def _key_of(self, connection: Connection) -> CallerKey:
        if self._key_file is None:
            raise ArchiveError("the archive's callers are hashed, and no key is given")
        return caller_key.key_of(connection, self._key_file)

    def count_calls_of(self, number: str) -> int:
        """Return the number of archived calls of a caller."""
        with archive_errors(), read_transaction(self._engine) as connection:
            require_current(connection)
            return erasure.count(connection, self._key_of(connection), number)

    def erase(self, number: str, at: int) -> int:
        """Erase a caller, `at` being now (UNIX seconds). Return how many calls have been changed."""
        with archive_errors(), write_transaction(self._engine) as connection:
            require_current(connection)
            return erasure.erase(connection, self._key_of(connection), number, at)

    def purge_deleted_data(self) -> bool:
        """Purge overwritten and deleted data from the files. Return False if a reader prevented it."""
        with archive_errors():
            return scrub(self._engine)

    def size(self) -> int:
        """Return the size of the database in bytes. Raises ArchiveError if it is of another version."""
        with self.searching() as connection:
            return size(connection)

    def back_up(self, to: Path) -> None:
        """Copy a SQLite archive to a new file. Raises OSError if that exists or cannot be created."""
        with archive_errors():
            back_up(self._engine, to)

    @property
    def location(self) -> str:
        """Where the database is, without a password."""
        return location(self._engine.url)

    @property
    def key_path(self) -> Path | None:
        """The file of the key that callers are hashed with, if there is one."""
        return self._key_file.path if self._key_file is not None and self._key_file.path.exists() else None
