"""Break off the archive's connections if the database has not answered for long."""

import math

import structlog

from exporter.archive.store import Archive
from exporter.archive.writer_thread import ArchiveWriter
from exporter.clock import Clock

log = structlog.get_logger()

STALLED_AFTER_S = 600.0
"""Seconds after which a connection counts as dead. A transaction that saves takes seconds."""


class StalledArchive:
    """Ends the writer's wait for an answer that will not come, as behind a proxy that has lost the server."""

    def __init__(self, archive: Archive, writer: ArchiveWriter, clock: Clock) -> None:
        self._archive, self._writer, self._clock = archive, writer, clock
        self._broken_at = -math.inf

    def check(self) -> None:
        """Break the connections off if the writer waits for too long. Loading the archive has no limit."""
        now, confirmed_at = self._clock(), self._writer.confirmed_at
        since = max(confirmed_at, self._broken_at, now - self._writer.loop.busy_for)
        if math.isfinite(confirmed_at) and now - since > STALLED_AFTER_S:
            self._broken_at = now
            log.error("database does not answer; connections broken off", waited=f"{now - since:.0f}s")
            self._archive.break_off()
