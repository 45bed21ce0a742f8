"""Calls past their retention are removed in small steps, and stay counted.

With a call goes the mark that it was counted, yet it may be read again: at a start whose activity period
reaches back further. So the archive notes up to where calls were removed, and takes those before for
counted. It removes none where calls are still to be read.
"""

from sqlalchemy import Connection, delete, select

from exporter.account.coverage import gaps
from exporter.archive import metadata_table
from exporter.archive.schema import calls

_REMOVED_TO = "removed_to"


def remove(connection: Connection, before: int, most: int) -> int:
    """Remove up to `most` calls that started before `before` (UNIX seconds); gives how many."""
    progress = metadata_table.progress(connection)
    if progress is None:
        return 0
    unread = (first for first, _ in gaps(progress.covered, progress.wanted_from))
    before = min((before, *unread, *(last for _, last in progress.covered[-1:])))
    old = select(calls.c.id).where(calls.c.started_at < before, calls.c.status == "done")
    removed = connection.execute(delete(calls).where(calls.c.id.in_(old.limit(most)))).rowcount
    if removed:
        metadata_table.write(connection, _REMOVED_TO, max(before, removed_to(connection)))
    return removed


def removed_to(connection: Connection) -> int:
    """Calls that started before this (UNIX seconds) are as good as counted."""
    return metadata_table.read(connection, _REMOVED_TO, int) or 0
