"""Noticing that this process did nothing for a while: another exporter may have taken over meanwhile."""

import math
from collections.abc import Callable

LATE_S = 5.0
"""Seconds after its time at which a turn begins only if the process was stopped, or the machine is busy."""

LONG_S = 45.0
"""Seconds that no turn takes; its one request takes half a minute at most."""

CONFIRMING_S = 10.0
"""Seconds for which polling waits for the archive. If it does not answer, it is away, and polling goes on."""


class Suspension:
    """Says whether an exporter that leads has to wait until the archive confirms that it still does.

    Times are UNIX seconds on our clock.
    """

    def __init__(self, confirm: Callable[[], object], confirmed_at: Callable[[], float]) -> None:
        """Ask for a confirmation by `confirm`; `confirmed_at` returns when the last one was asked for."""
        self._confirm, self._confirmed_at = confirm, confirmed_at
        self._due = math.inf
        self._doubt_since: float | None = None

    def in_doubt(self, now: float) -> bool:
        """Whether the turn that begins `now` may not poll yet."""
        if now > self._due + LATE_S:
            self._doubt(now)
        self._due = math.inf
        since = self._doubt_since
        if since is None or self._confirmed_at() >= since or now > since + CONFIRMING_S:
            self._doubt_since = None
        return self._doubt_since is not None

    def turned(self, begun: float, ended: float, due: float) -> None:
        """Note when a turn began and ended, and when the next one is due."""
        self._due = max(due, ended)
        if ended > begun + LONG_S:
            self._doubt(ended)

    def _doubt(self, now: float) -> None:
        self._doubt_since = now
        self._confirm()
