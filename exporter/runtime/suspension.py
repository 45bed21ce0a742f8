"""Detect that this process was suspended, since another exporter may have taken over meanwhile."""

import math
from collections.abc import Callable

LATE_S = 5.0
"""A turn that begins this many seconds late indicates a suspended process or a busy machine."""

LONG_S = 45.0
"""A turn that takes this many seconds does too; its one request takes half a minute at most."""

CONFIRMING_S = 10.0
"""Seconds for which polling waits for the archive. Then the archive is unavailable, and polling continues."""


class Suspension:
    """Makes a leader wait after a suspension until the archive confirms that it still leads.

    Times are seconds of our clock.
    """

    def __init__(self, confirm: Callable[[], object], confirmed_at: Callable[[], float]) -> None:
        """Set up the detection.

        Args:
            confirm: Requests a confirmation.
            confirmed_at: Returns when the last confirmation was requested.
        """
        self._confirm, self._confirmed_at = confirm, confirmed_at
        self._due = math.inf
        self._doubt_since: float | None = None

    def in_doubt(self, now: float) -> bool:
        """Return whether the turn that begins `now` must not poll yet."""
        if now > self._due + LATE_S:
            self._doubt(now)
        self._due = math.inf
        since = self._doubt_since
        if since is None or self._confirmed_at() >= since or now > since + CONFIRMING_S:
            self._doubt_since = None
        return self._doubt_since is not None

    def turned(self, begun: float, ended: float, due: float) -> None:
        """Record when a turn began and ended, and when the next one is due."""
        self._due = max(due, ended)
        if ended > begun + LONG_S:
            self._doubt(ended)

    def _doubt(self, now: float) -> None:
        self._doubt_since = now
        self._confirm()
