"""Run planned events in simulated time."""

import heapq
from collections.abc import Callable
from itertools import count


class Timeline:
    """A clock in UNIX seconds and the events planned on it.

    Events at the same moment run in the order in which they were scheduled, so the steps in
    which the clock is moved do not change the result.
    """

    def __init__(self, begin: float) -> None:
        self.now = begin
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._sequence = count()

    def schedule(self, at: float, event: Callable[[], object]) -> None:
        """Plan `event` for `at` (UNIX seconds), or for the next move if that is in the past."""
        heapq.heappush(self._events, (at, next(self._sequence), event))

    def advance(self, now: float) -> None:
        """Run all events up to and including `now`; an earlier `now` is ignored."""
        while self._events and self._events[0][0] <= now:
            at, _, event = heapq.heappop(self._events)
            self.now = max(self.now, at)
            event()
        self.now = max(self.now, now)
