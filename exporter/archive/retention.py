"""Decide which calls are past their retention, and delete them from the archive.

A wrong clock must not delete anything. So calls are removed only if two independent clocks agree: that of
Aircall and that of this machine.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from exporter.archive.store import Archive
from exporter.clock import Clocks
from exporter.durations import Duration

log = structlog.get_logger()

MAX_CLOCK_DIFFERENCE_S = 3600.0
"""Largest difference of the two clocks in seconds."""

LOG_INTERVAL_S = 3600.0
"""Seconds between two log lines about removed calls: some are removed every minute."""


def agreed_time(wall: float, aircall: float | None) -> float | None:
    """Return the earlier of two times (UNIX seconds), None if they differ too much or one is unknown."""
    if aircall is None or abs(wall - aircall) > MAX_CLOCK_DIFFERENCE_S:
        return None
    return min(wall, aircall)


class Removal:
    """Remove calls past their retention, in small steps."""

    def __init__(self, archive: Archive, clocks: Clocks) -> None:
        self.aircall_time: Callable[[], float | None] = lambda: None
        """Returns Aircall's time (UNIX seconds), None while it is uncertain."""
        self._archive, self._clocks = archive, clocks
        self._removed = self._before = 0
        self._log_at = 0.0
        self._steps_deferred = 0

    def step(self, retention: float) -> bool:
        """Remove some calls that are older than `retention` seconds, and return whether there may be more.

        Raises:
            ArchiveError: The database fails.
        """
        wall, aircall = self._clocks.wall(), self.aircall_time()
        now = agreed_time(wall, aircall)
        if now is None:
            self._log_deferred(wall, aircall)
            return False
        self._steps_deferred = 0
        before = int(now - retention)
        removed = self._archive.purge_expired(before)
        self._removed += removed
        self._before = before
        if not removed and self._clocks.steady() >= self._log_at:
            self.report()
        return removed > 0

    def report(self) -> None:
        """Log how many calls were removed since this was logged last, if any were."""
        if self._removed:
            log.info(
                "calls past their retention removed", calls=self._removed, started_before=_text(self._before)
            )
            self._removed, self._log_at = 0, self._clocks.steady() + LOG_INTERVAL_S

    def _log_deferred(self, wall: float, aircall: float | None) -> None:
        """Log that nothing is removed, at the second step in a row: at a start, no time is known yet."""
        self._steps_deferred += 1
        if self._steps_deferred != 2:
            return
        if aircall is None:
            log.warning("removal of old calls deferred until Aircall's time is known")
        else:
            log.warning(
                "removal of old calls deferred until this machine's clock and Aircall's agree",
                machine=_text(wall),
                aircall=_text(aircall),
                difference=str(Duration(round(abs(wall - aircall)))),
            )


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
