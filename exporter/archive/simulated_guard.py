"""Whose calls an archive holds: a real account's, or the simulated one's, never both."""

import structlog
from sqlalchemy import Connection, delete, exists, select

from exporter.archive import metadata_table
from exporter.archive.database import ArchiveError
from exporter.archive.schema import calls, metadata
from exporter.archive.schema import state as notes

log = structlog.get_logger()

_SIMULATED = "simulated"


def claim(connection: Connection, simulated: bool, again: bool) -> None:
    """Take the archive for a real or a `simulated` account.

    Simulated calls are worth nothing later, and another simulation gives other calls the same ids: so they
    are removed, unless the same exporter loads the archive `again`. Raises ArchiveError if a simulated
    account would be mixed with a real one.
    """
    if again and metadata_table.read(connection, _SIMULATED, bool) is not None:
        require(connection, simulated)
        return
    held = metadata_table.read(connection, _SIMULATED, bool) or False
    if held:
        if not simulated:
            log.warning("the archive held a simulated account's calls, which are removed")
        _empty(connection)
    elif simulated and _is_used(connection):
        raise ArchiveError("the archive holds a real account's calls, a simulated one needs its own database")
    if held or simulated:
        metadata_table.write(connection, _SIMULATED, simulated)


def require(connection: Connection, simulated: bool) -> None:
    """Raises ArchiveError where a real account has taken the archive from this `simulated` one, or the other
    way round."""
    if (metadata_table.read(connection, _SIMULATED, bool) or False) != simulated:
        raise ArchiveError("another account's exporter has taken the archive, each needs its own")


def _is_used(connection: Connection) -> bool:
    return metadata_table.progress(connection) is not None or bool(
        connection.scalar(select(exists(calls.c.id)))
    )


def _empty(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        every = delete(table)
        connection.execute(every.where(notes.c.name != "version") if table is notes else every)
