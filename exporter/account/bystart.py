"""Calls in the order of their starts: sixteen bytes each, as tens of thousands are kept."""

from array import array
from bisect import bisect_left


class ByStart:
    """Starts (UNIX seconds) and ids of calls, the earliest start first; calls of one second in any order."""

    def __init__(self) -> None:
        self._starts, self._ids = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def newest(self) -> int | None:
        """The latest start; none where there is no call."""
        return self._starts[-1] if self._starts else None

    def put(self, start: int, call_id: int) -> None:
        place = bisect_left(self._starts, start)
        self._starts.insert(place, start)
        self._ids.insert(place, call_id)

    def since(self, start: int) -> int:
        """How many started at `start` or later."""
        return len(self) - bisect_left(self._starts, start)

    def take_before(self, start: float) -> list[tuple[int, int]]:
        """Let go of those that started before `start`, and give their starts and ids."""
        cut = bisect_left(self._starts, start)
        taken = list(zip(self._starts[:cut], self._ids[:cut], strict=True))
        del self._starts[:cut], self._ids[:cut]
        return taken
