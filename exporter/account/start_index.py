"""An index of calls by start, with sixteen bytes for each of tens of thousands of calls."""

from array import array
from bisect import bisect_left


class StartTimeIndex:
    """Starts (UNIX seconds) and ids of calls, ordered by start."""

    def __init__(self) -> None:
        self._starts, self._ids = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._starts)

    def latest_until(self, start: int) -> int | None:
        """Return the latest start that is not after `start`, or None if there is no such call."""
        position = bisect_left(self._starts, start + 1)
        return self._starts[position - 1] if position else None

    def add(self, start: int, call_id: int) -> None:
        """Add a call that began at `start` (UNIX seconds)."""
        position = bisect_left(self._starts, start)
        self._starts.insert(position, start)
        self._ids.insert(position, call_id)

    def remove(self, start: int, call_id: int) -> None:
        """Remove a call that began at `start` (UNIX seconds)."""
        first, end = bisect_left(self._starts, start), bisect_left(self._starts, start + 1)
        position = self._ids.index(call_id, first, end)
        del self._starts[position], self._ids[position]

    def count_since(self, start: int) -> int:
        """Return the number of calls that started at `start` or later."""
        return len(self) - bisect_left(self._starts, start)

    def pop_before(self, start: float) -> list[tuple[int, int]]:
        """Remove the calls that started before `start`, and return their starts and ids."""
        cut = bisect_left(self._starts, start)
        taken = list(zip(self._starts[:cut], self._ids[:cut], strict=True))
        del self._starts[:cut], self._ids[:cut]
        return taken
