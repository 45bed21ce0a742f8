"""Detect that a part of an archive is lost: some of its tables were dropped, emptied or restored alone.

The table `calls` has which calls are counted, `totals` what they add up to, and `state` the checkpoint. If
one of them is lost and the others are not, calls would be counted twice or never. So an archive is used only
if it is whole, or if all of it is empty.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Table, exists, false, inspect, select
from sqlalchemy.exc import DBAPIError

from exporter.account.records import CallRecord
from exporter.archive import metadata_table, retention, schema
from exporter.archive.database import ArchiveError, lacks_table

T = TypeVar("T")

DETAILS = (schema.names, schema.tags, schema.comments, schema.teams)
"""Tables on which neither counters nor calls depend. Missing ones are created again."""

_TABLES = tuple(schema.metadata.sorted_tables)
_LOOK_AT_ALL = select(*(exists().select_from(table).where(false()) for table in _TABLES))
"""Reads no row, and fails if a table is missing."""

_SAVED_LAST = "saved_last"
_REMEDY = "restore a backup, or empty the whole database to begin again without the calls in it"


class _SavedLast(msgspec.Struct, frozen=True):
    """Samples of what the last two transactions saved. They exist as long as nothing is lost.

    Two, because a concurrent deletion cannot see the rows that the last transaction inserts.
    """

    calls: tuple[tuple[int, int], ...] = ()
    """Ids of finished calls, and their starts (UNIX seconds)."""
    totals: tuple[tuple[str, int], ...] = ()
    """Keys and values; a value never falls."""
    names: bool = False
    """Whether a name has been saved."""


def tables(connection: Connection) -> list[Table]:
    """Return which of the archive's tables exist."""
    inspected = inspect(connection)
    return [table for table in _TABLES if inspected.has_table(table.name)]


def has_all_tables(connection: Connection) -> bool:
    """Return whether all tables exist. If not, the transaction has failed."""
    try:
        connection.execute(_LOOK_AT_ALL)
    except DBAPIError as error:
        if lacks_table(error):
            return False
        raise
    return True


def require_empty(connection: Connection, found: Iterable[Table]) -> None:
    """Raise ArchiveError unless a new archive may begin: no table exists, or all are empty.

    `forgotten` is not considered: these callers stay erased in a new archive.
    """
    others = [table for table in found if table is not schema.forgotten]
    if others and (len(others) < len(_TABLES) - 1 or any(_has_rows(connection, each) for each in others)):
        raise _partly_lost(f"found {_listed(others)} without a version in state, wanted it or no table")


def missing_details(found: Iterable[Table]) -> list[Table]:
    """Return the missing tables that may be created again. Raises ArchiveError if another one is missing."""
    missing = [table for table in _TABLES if table not in set(found)]
    if lost := [table for table in missing if table not in DETAILS]:
        raise _partly_lost(f"found no table {_listed(lost)}, wanted all tables or none")
    return missing


def require_whole(connection: Connection) -> None:
    """Raise ArchiveError if calls or totals are lost. All tables must exist."""
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast)
    if saved is not None and (problem := _problem(connection, saved)):
        raise _partly_lost(problem)


def is_whole(connection: Connection) -> bool:
    """Return whether nothing is lost since the archive was loaded. All tables must exist."""
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast)
    if saved is None or _problem(connection, saved):
        return False
    return not saved.names or _has_rows(connection, schema.names)


def begin(connection: Connection) -> None:
    """Record samples when the archive is loaded."""
    done = select(schema.calls.c.id, schema.calls.c.started_at).where(schema.calls.c.status == "done")
    newest = connection.execute(done.order_by(schema.calls.c.started_at.desc()).limit(1)).all()
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast) or _SavedLast(
        calls=tuple((row.id, row.started_at) for row in newest),
        totals=tuple((row.key, row.value) for row in connection.execute(select(schema.totals).limit(1))),
    )
    names = _has_rows(connection, schema.names)
    metadata_table.write(connection, _SAVED_LAST, msgspec.structs.replace(saved, names=names))


def note(
    connection: Connection, records: Iterable[CallRecord], total: tuple[str, int] | None, names: bool
) -> None:
    """Record samples of this transaction: calls, one of the totals, and whether there are names."""
    done = [(r.call.id, r.call.started_at) for r in records if r.call.phase == "done"]
    newest = max(done, key=lambda call: call[1], default=None)
    if newest is None and total is None and not names:
        return
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast) or _SavedLast()
    after = _SavedLast(
        calls=saved.calls if newest is None else _last_two(saved.calls, newest),
        totals=saved.totals if total is None else _last_two(saved.totals, total),
        names=saved.names or names,
    )
    if after != saved:
        metadata_table.write(connection, _SAVED_LAST, after)


def _last_two(saved: tuple[tuple[T, int], ...], latest: tuple[T, int]) -> tuple[tuple[T, int], ...]:
    others = [each for each in saved if each[0] != latest[0]]
    return (*others[-1:], latest)


def _problem(connection: Connection, saved: _SavedLast) -> str:
    """Return what is lost, or "" if nothing is."""
    for key, value in saved.totals:
        found = connection.scalar(select(schema.totals.c.value).where(schema.totals.c.key == key))
        if found is None or found < value:
            return f"found the total {key} to be {found or 'missing'}, wanted at least {value}"
    removed_to = retention.removed_to(connection)
    expected = {id_ for id_, started_at in saved.calls if started_at >= removed_to}
    there = connection.scalars(select(schema.calls.c.id).where(schema.calls.c.id.in_(expected)))
    lost = expected.difference(there)
    return f"found no call {min(lost)} in the table calls, wanted each call that was saved" if lost else ""


def _has_rows(connection: Connection, table: Table) -> bool:
    return bool(connection.scalar(select(exists().select_from(table))))


def _listed(tables: Iterable[Table]) -> str:
    return ", ".join(table.name for table in tables)


def _partly_lost(problem: str) -> ArchiveError:
    return ArchiveError(f"the archive is partly lost: {problem}; {_REMEDY}")
