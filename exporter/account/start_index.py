"""Calls in the order of their starts: sixteen bytes each, as tens of thousands are kept."""

from array import array
from bisect import bisect_left


class StartTimeIndex:
    """Starts (UNIX seconds) and ids of calls, the earliest start first; calls of one second in any order."""

    def __init__(self) -> None:
        self._starts, self._ids = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._starts)

    def latest_until(self, start: int) -> int | None:
        """The latest start up to and with `start`; none where there is no call."""
        place = bisect_left(self._starts, start + 1)
        return self._starts[place - 1] if place else None

    def add(self, start: int, call_id: int) -> None:
        place = bisect_left(self._starts, start)
        self._starts.insert(place, start)
        self._ids.insert(place, call_id)

    def count_since(self, start: int) -> int:
        """How many started at `start` or later."""
        return len(self) - bisect_left(self._starts, start)

    def pop_before(self, start: float) -> list[tuple[int, int]]:
        """Let go of those that started before `start`, and give their starts and ids."""
        cut = bisect_left(self._starts, start)
        taken = list(zip(self._starts[:cut], self._ids[:cut], strict=True))
        del self._starts[:cut], self._ids[:cut]
        return taken
