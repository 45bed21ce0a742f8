"""Detect that a part of an archive is lost: some of its tables were dropped, emptied or restored alone.

The table `calls` has which calls are counted, `totals` what they add up to, and `state` the checkpoint. If
one of them is lost and the others are not, calls would be counted twice or never. So an archive is used only
if it is whole, or if all of it is empty.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Table, bindparam, exists, false, inspect, select
from sqlalchemy.exc import DBAPIError

from exporter.account.records import CallRecord
from exporter.archive import metadata_table, schema
from exporter.archive.database import ArchiveError, lacks_table

T = TypeVar("T")

DETAILS = (
    schema.names,
    schema.tags,
    schema.comments,
    schema.teams,
    schema.steps,
    schema.call_backs,
    schema.times_in_state,
)
"""Tables on which neither counters nor calls depend. Missing ones are created again."""

_TABLES = tuple(schema.metadata.sorted_tables)
_LOOK_AT_ALL = select(*(exists().select_from(table).where(false()) for table in _TABLES))
"""Reads no row, and fails if a table is missing."""
_HAS_ROWS = {table: select(exists().select_from(table)) for table in _TABLES}
_TOTAL = select(schema.totals.c.value).where(schema.totals.c.key == bindparam("total"))
_PRESENT = select(schema.calls.c.id).where(schema.calls.c.id.in_(bindparam("ids", expanding=True)))

_SAVED_LAST = "saved_last"
_REMEDY = "restore a backup, or empty the whole database to begin again without the calls in it"


class _SavedLast(msgspec.Struct, frozen=True):
    """Samples of what the last two transactions saved. They exist as long as nothing is lost.

    Two, because a concurrent deletion cannot see the rows that the last transaction inserts. The exporter's
    own deletions remove their calls from the samples (`note_removed`).
    """

    call_ids: tuple[int, ...] = ()
    """Ids of calls that were finished when they were saved."""
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
        raise _partly_lost(f"found {_listed(others)} without a version in state, expected it or no table")


def missing_details(found: Iterable[Table]) -> list[Table]:
    """Return the missing tables that may be created again. Raises ArchiveError if another one is missing."""
    missing = [table for table in _TABLES if table not in set(found)]
    if lost := [table for table in missing if table not in DETAILS]:
        raise _partly_lost(f"found no table {_listed(lost)}, expected all tables or none")
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
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast) or _SavedLast(
        totals=tuple((row.key, row.value) for row in connection.execute(select(schema.totals).limit(1)))
    )
    ids, names = saved.call_ids or _newest(connection), _has_rows(connection, schema.names)
    metadata_table.write(connection, _SAVED_LAST, replace(saved, call_ids=ids, names=names))


def note(
    connection: Connection, records: Iterable[CallRecord], total: tuple[str, int] | None, names: bool
) -> None:
    """Record samples of this transaction: calls, one of the totals, and whether there are names."""
    done = [record.call for record in records if record.call.phase == "done"]
    newest = max(done, key=attrgetter("started_at"), default=None)
    if newest is None and total is None and not names:
        return
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast) or _SavedLast()
    after = _SavedLast(
        call_ids=saved.call_ids if newest is None else _last_two(saved.call_ids, newest.id),
        totals=saved.totals if total is None else _last_two(saved.totals, total, itemgetter(0)),
        names=saved.names or names,
    )
    if after != saved:
        metadata_table.write(connection, _SAVED_LAST, after)


def note_removed(connection: Connection, ids: Iterable[int]) -> None:
    """Remove calls from the samples that this transaction has deleted."""
    saved = metadata_table.read(connection, _SAVED_LAST, _SavedLast) or _SavedLast()
    removed = set(ids).intersection(saved.call_ids)
    if removed:
        left = tuple(id_ for id_ in saved.call_ids if id_ not in removed) or _newest(connection)
        metadata_table.write(connection, _SAVED_LAST, replace(saved, call_ids=left))


def _newest(connection: Connection) -> tuple[int, ...]:
    """Return the id of the newest finished call, if there is one."""
    done = select(schema.calls.c.id).where(schema.calls.c.status == "done")
    return tuple(connection.scalars(done.order_by(schema.calls.c.started_at.desc()).limit(1)))


def _last_two(
    saved: tuple[T, ...], latest: T, key: Callable[[T], object] = lambda sample: sample
) -> tuple[T, ...]:
    """Return the latest sample, and before it the last one with another key."""
    return (*[each for each in saved if key(each) != key(latest)][-1:], latest)


def _problem(connection: Connection, saved: _SavedLast) -> str:
    """Return what is lost, or "" if nothing is."""
    for key, value in saved.totals:
        found = connection.scalar(_TOTAL, {"total": key})
        if found is None or found < value:
            return f"found the total {key} to be {found or 'missing'}, expected at least {value}"
    lost = set(saved.call_ids).difference(connection.scalars(_PRESENT, {"ids": saved.call_ids}))
    return f"found no call {min(lost)} in the table calls, expected each call that was saved" if lost else ""


def _has_rows(connection: Connection, table: Table) -> bool:
    return bool(connection.scalar(_HAS_ROWS[table]))


def _listed(tables: Iterable[Table]) -> str:
    return ", ".join(table.name for table in tables)


def _partly_lost(problem: str) -> ArchiveError:
    return ArchiveError(f"the archive is partly lost: {problem}; {_REMEDY}")
