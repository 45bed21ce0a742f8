"""Mask callers and delete old calls in the archive, in small steps between the writer's batches."""

import structlog

from exporter.archive.retention import Removal
from exporter.archive.store import Archive
from exporter.clock import Clocks
from exporter.config.settings import Caller

log = structlog.get_logger()

INTERVAL_S = 60.0
"""Seconds between two searches for calls that are past their retention or show too much of their caller."""

NEXT_STEP_S = 1.0
"""Seconds to the next step while there is more to do."""


class Maintenance:
    """Decides when the next step of each kind is due. Methods raise ArchiveError if the database fails."""

    def __init__(self, archive: Archive, clocks: Clocks) -> None:
        self.removal = Removal(archive, clocks)
        self._archive, self._clock = archive, clocks.steady
        self._next_masking = self._next_removal = 0.0
        self._to_scrub = False

    @property
    def due(self) -> tuple[float, float]:
        """When the next steps are due (our clock)."""
        return self._next_masking, self._next_removal

    def mask(self, how: Caller) -> None:
        """Mask callers that show more than `how` allows, if that is due."""
        now = self._clock()
        if now >= self._next_masking:
            left, changed = self._archive.hide(how)
            self._next_masking = now + (NEXT_STEP_S if left else INTERVAL_S)
            if changed:
                log.info("archived callers masked", caller=how, calls=changed)
                self._to_scrub = True
        if self._to_scrub:
            self._to_scrub = not self._archive.purge_deleted_data()

    def remove(self, retention: float) -> None:
        """Remove calls that are older than `retention` seconds, if that is due; 0 keeps all."""
        now = self._clock()
        if now < self._next_removal or not retention:
            return
        more = self.removal.step(retention)
        self._next_removal = now + (NEXT_STEP_S if more else INTERVAL_S)
