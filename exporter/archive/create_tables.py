"""Create the archive's tables, and check the version of existing tables."""

import hashlib
import math
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

import structlog
from sqlalchemy import Connection, Engine, Table, delete, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from exporter.account.records import Checkpoint
from exporter.archive import integrity
from exporter.archive.database import ArchiveError, write_transaction
from exporter.archive.error_messages import LOCK_TIMEOUT
from exporter.archive.metadata_table import CALL_BACKS, CALL_BACKS_ADDED, PROGRESS, VIEWS_DIGEST, read, write
from exporter.archive.schema import call_backs, calls, comments, metadata, state, tags, teams
from exporter.archive.text_index import postgresql_functions
from exporter.archive.views import VIEWS
from exporter.text import truncate

log = structlog.get_logger()

VERSION = 3
"""The version of the tables in `schema`. Versions 1 and 2 were never released."""

_WORDS_INDEX = "calls_by_words"
_WORDS_INDEX_OF_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX {_WORDS_INDEX} ON calls USING gin (words gin_trgm_ops)",
)


def prepare(engine: Engine) -> None:
    """Create the tables that are missing.

    Raises:
        ArchiveError: The tables are of another version, or only a part of them is left.
    """
    with write_transaction(engine) as connection:
        found = integrity.tables(connection)
        if (version := _version(connection, found)) is None:
            integrity.require_empty(connection, found)
            metadata.create_all(connection)
            connection.execute(insert(state).values(name="version", value=str(VERSION)))
        else:
            _require_current(version)
            _create_missing(connection, found)
            for table in (calls, teams):
                _add_missing_columns(connection, table)
    _index_words(engine)
    _create_views(engine)


def _create_missing(connection: Connection, found: Iterable[Table]) -> None:
    """Create missing tables of details, and reset the checkpoint so that calls are fetched again for them."""
    missing = integrity.missing_details(found)
    if not missing:
        return
    metadata.create_all(connection, tables=missing)
    log.warning("missing tables of the archive created", tables=", ".join(table.name for table in missing))
    if call_backs in missing:
        connection.execute(delete(state).where(state.c.name == CALL_BACKS))
        write(connection, CALL_BACKS_ADDED, True)
    progress = read(connection, PROGRESS, Checkpoint)
    if progress is not None and progress.covered and {tags, comments} & set(missing):
        first = min(progress.covered[0][0], progress.wanted_from or math.inf)
        write(connection, PROGRESS, replace(progress, covered=(), wanted_from=int(first)))


def _add_missing_columns(connection: Connection, table: Table) -> None:
    """Add columns and indexes to a table of an older exporter.

    The columns are empty, so an older exporter can go on, too.
    """
    existing = {column["name"] for column in inspect(connection).get_columns(table.name)}
    missing = [column for column in table.c if column.name not in existing]
    for column in missing:
        kind = column.type.compile(connection.dialect)
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
        log.info("column added to the archive", table=table.name, column=column.name)
    for index in table.indexes:
        if any(column in list(index.columns) for column in missing):
            index.drop(connection, checkfirst=True)
        index.create(connection, checkfirst=True)


def require_preparable(connection: Connection) -> None:
    """Raise ArchiveError if `prepare` would do so because of the tables."""
    found = integrity.tables(connection)
    if (version := _version(connection, found)) is None:
        integrity.require_empty(connection, found)
    else:
        _require_current(version)
        integrity.missing_details(found)


def require_current(connection: Connection) -> None:
    """Raise ArchiveError unless the tables are of the current version."""
    _require_current(_version(connection, [state]))


def _require_current(version: str | None) -> None:
    if version != str(VERSION):
        remedy = "use the exporter that created it, or another database"
        found = version if version is not None and version.isdecimal() else truncate(version)
        raise ArchiveError(f"archive schema is at version {found}, expected {VERSION}; {remedy}")


def _version(connection: Connection, found: Container[Table]) -> str | None:
    """Return the version of the tables, or None if no version is recorded."""
    if state not in found:
        return None
    return connection.scalar(select(state.c.value).where(state.c.name == "version"))


def _index_words(engine: Engine) -> None:
    """Create a trigram index of the words on PostgreSQL, if the archive's user may.

    SQLite needs no such index: it reads the words of a million calls in about half a second.
    """
    if engine.dialect.name != "postgresql":
        return
    with write_transaction(engine) as connection:
        if any(index["name"] == _WORDS_INDEX for index in inspect(connection).get_indexes("calls")):
            return
        warning = "free-text search without an index; allow the archive's user to CREATE EXTENSION pg_trgm"
        _try(connection, _WORDS_INDEX_OF_POSTGRESQL, warning)


def _create_views(engine: Engine) -> None:
    """Create the views for Grafana, or replace them if their definitions have changed."""
    statements = list(_view_statements(engine.dialect.name))
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    with write_transaction(engine) as connection:
        existing = set(inspect(connection).get_view_names())
        if existing >= VIEWS.keys() and read(connection, VIEWS_DIGEST, str) == digest:
            return
        warning = "views for Grafana not replaced; drop what depends on them, and restart the exporter"
        if _try(connection, statements, warning):
            write(connection, VIEWS_DIGEST, digest)


def _view_statements(dialect: str) -> Iterator[str]:
    joined = "group_concat" if dialect == "sqlite" else "string_agg"
    for name, definition in VIEWS.items():
        yield f"DROP VIEW IF EXISTS {name}"
        yield f"CREATE VIEW {name} AS {definition.replace('string_agg', joined)}"
    if dialect == "postgresql":
        yield from postgresql_functions()


def _try(connection: Connection, statements: Iterable[str], warning: str) -> bool:
    """Execute all statements and return True, or none and log a warning if the database refuses one."""
    try:
        with connection.begin_nested():
            for statement in statements:
                connection.execute(text(statement))
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == LOCK_TIMEOUT:
            raise
        log.warning(warning, problem=" ".join(str(error.orig).split()))
        return False
    return True
