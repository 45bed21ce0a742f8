"""Prevent that an archive mixes calls of a real and a simulated account."""

import structlog
from sqlalchemy import Connection, delete, exists, select

from exporter.archive import metadata_table
from exporter.archive.database import ArchiveError
from exporter.archive.schema import calls, metadata
from exporter.archive.schema import state as notes

log = structlog.get_logger()

_SIMULATED = "simulated"


def claim(connection: Connection, simulated: bool, again: bool) -> None:
    """Record whether the archive belongs to a real or a `simulated` account.

    Calls of a simulated account are deleted, because another simulation uses the same ids for other calls.
    They stay if the same exporter loads the archive `again`.

    Raises:
        ArchiveError: The account is simulated, and the archive has calls of a real one.
    """
    if again and metadata_table.read(connection, _SIMULATED, bool) is not None:
        require(connection, simulated)
        return
    held = metadata_table.read(connection, _SIMULATED, bool) or False
    if held:
        if not simulated:
            log.warning("calls of a simulated account deleted from the archive")
        _empty(connection)
    elif simulated and _is_used(connection):
        raise ArchiveError("the archive holds a real account's calls; a simulated one needs its own database")
    if held or simulated:
        metadata_table.write(connection, _SIMULATED, simulated)


def require(connection: Connection, simulated: bool) -> None:
    """Raise ArchiveError if the archive now belongs to the other kind of account."""
    if (metadata_table.read(connection, _SIMULATED, bool) or False) != simulated:
        raise ArchiveError("another account's exporter uses the archive; each account needs its own")


def _is_used(connection: Connection) -> bool:
    return metadata_table.progress(connection) is not None or bool(
        connection.scalar(select(exists(calls.c.id)))
    )


def _empty(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        every = delete(table)
        connection.execute(every.where(notes.c.name != "version") if table is notes else every)
