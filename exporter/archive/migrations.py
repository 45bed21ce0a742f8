"""Create the archive's tables, and migrate those of an older version.

A step in frozen SQL leads from each version to the next. It is called repeatedly, each time in its own
transaction and with its previous return value, until it returns None. So a large archive is migrated in
batches, and an interrupted migration continues.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import merge, subtract
from exporter.account.records import Checkpoint
from exporter.archive import integrity
from exporter.archive.database import LOCK_TIMEOUT, ArchiveError, write_transaction
from exporter.archive.metadata_table import PROGRESS, read, write
from exporter.archive.schema import comments, metadata, state, tags
from exporter.archive.text_index import search_text
from exporter.text import truncate

log = structlog.get_logger()

VERSION = 3
"""The version of the tables in `schema`."""

BATCH_SIZE = 2000
"""Calls that are migrated in one transaction."""

_MIGRATED = "lifted"
"""Row of `state` with the progress of a migration."""

Step = Callable[[Connection, int | None], int | None]


def prepare(engine: Engine) -> None:
    """Create the tables, or migrate those of an older version.

    Raises:
        ArchiveError: The tables are of a newer version, or only a part of them is left.
    """
    with write_transaction(engine) as connection:
        found = integrity.tables(connection)
        if state not in found or "version" not in _state(connection):
            integrity.require_empty(connection, found)
            metadata.create_all(connection)
            connection.execute(insert(state).values(name="version", value=str(VERSION)))
    while _migrate_batch(engine):
        pass
    with write_transaction(engine) as connection:
        _create_missing(connection)
    _index_words(engine)


def _create_missing(connection: Connection) -> None:
    """Create missing tables of details, and reset the checkpoint so that calls are fetched again for them."""
    missing = integrity.missing_details(integrity.tables(connection))
    if not missing:
        return
    metadata.create_all(connection, tables=missing)
    log.warning("missing tables of the archive created", tables=", ".join(table.name for table in missing))
    progress = read(connection, PROGRESS, Checkpoint)
    if progress is not None and progress.covered and {tags, comments} & set(missing):
        first = min(progress.covered[0][0], progress.wanted_from or math.inf)
        write(connection, PROGRESS, replace(progress, covered=(), wanted_from=int(first)))


def require_preparable(connection: Connection) -> None:
    """Raise ArchiveError if `prepare` would do so because of the tables."""
    found = integrity.tables(connection)
    if state not in found or "version" not in _state(connection):
        integrity.require_empty(connection, found)
    elif _version(connection) == VERSION:
        integrity.missing_details(found)


def require_current(connection: Connection) -> None:
    """Raise ArchiveError unless the tables are of the current version."""
    version = _version(connection)
    if version < VERSION:
        raise ArchiveError(
            f"archive schema is at version {version}, expected {VERSION}; start the exporter to migrate it"
        )


def _version(connection: Connection) -> int:
    found = _state(connection).get("version", "0")
    if not found.isdecimal():
        raise ArchiveError(
            f"archive schema is at version {truncate(found)}, expected at most {VERSION}; restore a backup"
        )
    version = int(found)
    if version > VERSION:
        raise ArchiveError(
            f"archive schema is at version {version}, expected at most {VERSION}; use a newer exporter"
        )
    return version


def _state(connection: Connection) -> dict[str, str]:
    """Return the version, and the progress of a migration."""
    rows = select(state).where(state.c.name.in_(("version", _MIGRATED)))
    return {row.name: row.value for row in connection.execute(rows)}


def _migrate_batch(engine: Engine) -> bool:
    """Migrate a batch. Return whether there was anything left to migrate."""
    with write_transaction(engine) as connection:
        connection.execute(select(state.c.name).where(state.c.name == "version").with_for_update())
        version, lifted = _version(connection), _state(connection).get(_MIGRATED)
        if version == VERSION:
            return False
        if lifted is None:
            log.info("archive migration started", version=version + 1)
        reached = _STEPS[version](connection, None if lifted is None else int(lifted))
        connection.execute(delete(state).where(state.c.name == _MIGRATED))
        if reached is None:
            connection.execute(update(state).where(state.c.name == "version").values(value=str(version + 1)))
            log.info("archive migration complete", version=version + 1)
        else:
            connection.execute(insert(state).values(name=_MIGRATED, value=str(reached)))
        return True


def _to_2(connection: Connection, lifted: int | None) -> int | None:
    """Add assignee, caller hash and words. Words are computed for calls with ids above `lifted`."""
    if lifted is None:
        _execute(connection, _COLUMNS_OF_2)
        _convert_checkpoint(connection)
        if connection.dialect.name == "postgresql":
            _execute(connection, _COMMENTS_OF_2)
        return -1
    found = connection.execute(_CALLS_OF_1, {"lifted": lifted, "piece": BATCH_SIZE}).all()
    if not found:
        _execute(connection, _INDEXES_OF_2)
        return None
    between = {"first": found[0].id, "last": found[-1].id}
    tags = _by_call(connection.execute(_TAGS_OF_1, between))
    comments = _by_call(connection.execute(_COMMENTS_OF_1, between))
    connection.execute(
        text("UPDATE calls SET words = :words WHERE id = :id"),
        [
            {
                "id": row.id,
                "words": search_text(
                    row.caller or "", row.missed_call_reason, tags[row.id], comments[row.id]
                ),
            }
            for row in found
        ],
    )
    return int(found[-1].id)


def _convert_checkpoint(connection: Connection) -> None:
    """Convert the checkpoint: version 1 has the end and the gaps, version 2 the covered ranges."""
    row = state.c.name == "progress"
    value = connection.scalar(select(state.c.value).where(row))
    if value is None:
        return
    old = json.loads(value)
    fetched = int(old["counted_from"]), int(old["read_to"]) - LATE_ARRIVAL_S
    covered = subtract(fetched, merge((first, last) for first, last in old["gaps"]))
    new = {"counted_from": old["counted_from"], "covered": covered, "wanted_from": fetched[0]}
    connection.execute(update(state).where(row).values(value=json.dumps(new)))


_COLUMNS_OF_2 = (
    "ALTER TABLE calls ADD COLUMN assigned_to_id BIGINT",
    "ALTER TABLE calls ADD COLUMN caller_hash TEXT",
    "ALTER TABLE calls ADD COLUMN words TEXT DEFAULT '' NOT NULL",
)
_COMMENTS_OF_2 = (
    "COMMENT ON COLUMN calls.assigned_to_id IS 'the user who is to follow it up'",
    "COMMENT ON COLUMN calls.caller_hash IS 'tells callers apart where the number is not kept whole'",
    "COMMENT ON COLUMN calls.words IS 'what free text is searched in, folded'",
)
_CALLS_OF_1 = text(
    "SELECT id, caller, missed_call_reason FROM calls WHERE id > :lifted ORDER BY id LIMIT :piece"
)
_TAGS_OF_1 = text("SELECT call_id, name FROM call_tags WHERE call_id BETWEEN :first AND :last ORDER BY name")
_COMMENTS_OF_1 = text(
    "SELECT call_id, content FROM call_comments WHERE call_id BETWEEN :first AND :last ORDER BY position"
)
_INDEXES_OF_2 = (
    "DROP INDEX calls_by_start",
    "CREATE INDEX calls_by_start ON calls (started_at, id, direction, outcome, missed_call_reason,"
    " answered_at, ended_at, recorded, voicemail)",
    "CREATE INDEX calls_by_caller_hash ON calls (caller_hash, started_at)",
)

_WORDS_INDEX = "calls_by_words"
_WORDS_INDEX_OF_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX {_WORDS_INDEX} ON calls USING gin (words gin_trgm_ops)",
)


def _to_3(connection: Connection, _: int | None) -> None:
    """Add the table of erased callers."""
    _execute(connection, _TABLES_OF_3)
    if connection.dialect.name == "postgresql":
        _execute(connection, _COMMENTS_OF_3)


_TABLES_OF_3 = (
    "CREATE TABLE forgotten ("
    "caller_hash TEXT NOT NULL, forgotten_at BIGINT NOT NULL, PRIMARY KEY (caller_hash))",
)
_COMMENTS_OF_3 = (
    "COMMENT ON COLUMN forgotten.caller_hash IS 'of a caller whose calls are kept without him'",
)

_STEPS: dict[int, Step] = {1: _to_2, 2: _to_3}
"""From each older version to the next."""


def _execute(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(text(statement))


def _by_call(rows: Iterable[Any]) -> Mapping[int, list[str]]:
    several: defaultdict[int, list[str]] = defaultdict(list)
    for call_id, value in rows:
        several[call_id].append(value)
    return several


def _index_words(engine: Engine) -> None:
    """Create a trigram index of the words on PostgreSQL, if the archive's user may.

    SQLite needs no such index: it reads the words of a million calls in about half a second.
    """
    if engine.dialect.name != "postgresql":
        return
    with write_transaction(engine) as connection:
        if any(index["name"] == _WORDS_INDEX for index in inspect(connection).get_indexes("calls")):
            return
        try:
            with connection.begin_nested():
                _execute(connection, _WORDS_INDEX_OF_POSTGRESQL)
        except DBAPIError as error:
            if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == LOCK_TIMEOUT:
                raise
            log.warning(
                "free-text search without an index; allow the archive's user to CREATE EXTENSION pg_trgm",
                problem=" ".join(str(error.orig).split()),
            )
