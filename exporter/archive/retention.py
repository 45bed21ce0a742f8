"""Delete calls past their retention in small steps.

Deleting a call also deletes its `counted` flag, and a later start with a longer activity period may fetch it
again. So the archive records the deletion cutoff, and treats earlier calls as counted. Calls are not deleted
while older ranges are still to be fetched. Calls that never ended are deleted, too.
"""

from sqlalchemy import Connection, delete, select

from exporter.account.coverage import gaps
from exporter.archive import integrity, metadata_table
from exporter.archive.schema import calls

_REMOVED_TO = "removed_to"


def remove(connection: Connection, before: int, most: int) -> int:
    """Delete up to `most` calls that started before `before` (UNIX seconds). Return how many."""
    progress = metadata_table.progress(connection)
    if progress is None:
        return 0
    unread = (first for first, _ in gaps(progress.covered, progress.wanted_from))
    before = min((before, *unread, *(last for _, last in progress.covered[-1:])))
    old = select(calls.c.id).where(calls.c.started_at < before).limit(most)
    removed = connection.scalars(delete(calls).where(calls.c.id.in_(old)).returning(calls.c.id)).all()
    if removed:
        metadata_table.write(connection, _REMOVED_TO, max(before, removed_to(connection)))
        integrity.note_removed(connection, removed)
    return len(removed)


def removed_to(connection: Connection) -> int:
    """Return the deletion cutoff (UNIX seconds). Calls that started earlier are treated as counted."""
    return metadata_table.read(connection, _REMOVED_TO, int) or 0
