"""Delete calls past their retention in small steps.

Deleting a call also deletes its `counted` flag, and a later start with a longer activity period may fetch it
again. So the archive records the deletion cutoff, and treats earlier calls as counted. Calls are not deleted
while older ranges are still to be fetched. Calls that never ended are deleted, too.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, select

from exporter.account.coverage import gaps
from exporter.archive import integrity, metadata_table
from exporter.archive.schema import calls, steps, times_in_state

_REMOVED_TO = "removed_to"

_ORPHANED_STEPS = delete(steps).where(steps.c.call_id < select(func.min(calls.c.id)).scalar_subquery())
"""Deletes the steps of calls that were never archived, as ids ascend."""


def remove(connection: Connection, before: int, most: int) -> int:
    """Delete up to `most` calls that started before `before` (UNIX seconds). Return how many."""
    progress = metadata_table.progress(connection)
    if progress is None:
        return 0
    unread = (first for first, _ in gaps(progress.covered, progress.wanted_from))
    before = min((before, *unread, *(last for _, last in progress.covered[-1:])))
    old = select(calls.c.id).where(calls.c.started_at < before).limit(most)
    removed = _delete(connection, calls.c.id.in_(old))
    if removed:
        metadata_table.write(connection, _REMOVED_TO, max(before, removed_to(connection)))
    else:
        connection.execute(_ORPHANED_STEPS)
        connection.execute(delete(times_in_state).where(times_in_state.c.since < before))
    return len(removed)


def remove_deleted(connection: Connection, call_ids: Collection[int]) -> None:
    """Delete those of these calls that were active: Aircall no longer has them."""
    if call_ids:
        _delete(connection, calls.c.id.in_(call_ids), calls.c.status != "done")


def _delete(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[int]:
    removed = connection.scalars(delete(calls).where(*conditions).returning(calls.c.id)).all()
    if removed:
        connection.execute(delete(steps).where(steps.c.call_id.in_(removed)))
        integrity.note_removed(connection, removed)
    return removed


def removed_to(connection: Connection) -> int:
    """Return the deletion cutoff (UNIX seconds). Calls that started earlier are treated as counted."""
    return metadata_table.read(connection, _REMOVED_TO, int) or 0
