"""Track whether all calls of the day are in memory: those that this run fetched, and those of the archive.

A call that is fetched is in memory if it began since the day's start. A call from before, or of an earlier
run, is loaded from the archive: at a start, and whenever the day begins earlier than before. All times are
UNIX seconds on Aircall's clock.
"""

import math

from exporter.account.coverage import gaps, merge, ranges_since, ranges_until
from exporter.account.failing_objects import SetAside
from exporter.account.records import TimeRange


class DayProgress:
    """Whether the figures of the day are complete."""

    def __init__(self) -> None:
        self.start = 0
        """When the day began; 0 before the first poll of calls."""
        self.exceeded = False
        """Whether the day has more calls than fit into memory. None of them are kept then."""
        self._fetched: tuple[TimeRange, ...] = ()
        """The ranges whose calls have all been fetched, by this run or an earlier one."""
        self._loaded_since = math.inf
        """The start since which all calls of the archive are in memory."""
        self._requested: tuple[int, tuple[TimeRange, ...]] | None = None
        """The start since which calls were requested from the archive, and what it covered by then."""

    def is_complete(self, aside: SetAside) -> bool:
        """Return whether no call of the day is missing, up to the last poll.

        Ranges that Aircall answers with errors, and which are set `aside`, are not considered.
        """
        is_loaded = not self.exceeded and self._loaded_since <= self.start
        return is_loaded and bool(self._fetched) and not aside.without_ranges(gaps(self._fetched, self.start))

    def begin_at(self, start: int) -> bool:
        """Set the start of the day. Returns whether it is earlier than before, so that calls are missing."""
        if start == self.start:
            return False
        is_earlier, self.start, self.exceeded = start < self.start, start, False
        self._loaded_since = max(self._loaded_since, start)  # earlier calls have left the memory
        self._fetched = ranges_since(start, self._fetched) or self._fetched[-1:]
        return is_earlier

    def mark_fetched(self, first: int, last: int) -> None:
        """Record that all calls that began from `first` to `last` have been fetched."""
        if first <= last and not self.exceeded:
            self._fetched = merge((*self._fetched, (first, last)))
            self._fetched = ranges_since(self.start, self._fetched) or self._fetched[-1:]

    def start_again(self) -> None:
        """Load the calls of the day again, because the clock was set back."""
        self._fetched, self._loaded_since, self._requested = (), math.inf, None

    def exceed(self) -> None:
        """Record that the day has more calls than fit into memory: it has no figures until the next day."""
        self.start_again()
        self.exceeded = True

    # Loading from the archive --------------------------------------------------------------------

    @property
    def to_request(self) -> int | None:
        """The start since which the archive's calls are to be loaded now, or None."""
        is_requested = self._requested is not None and self._requested[0] <= self.start
        return None if self.exceeded or self._loaded_since <= self.start or is_requested else self.start

    def request_accepted(self, begin: int, covered: tuple[TimeRange, ...]) -> None:
        """Record that the archive will return its calls since `begin`. It then covers these ranges."""
        self._requested = begin, covered

    def request_lost(self) -> None:
        """Record that the archive was replaced before it has returned the calls."""
        self._requested = None

    def loaded(self, begin: int, now: float) -> None:
        """Record that the archive's calls since `begin` are in memory. Coverage of the future is wrong."""
        if self._requested is None or self._requested[0] != begin:
            return
        covered, self._requested = self._requested[1], None
        self._loaded_since = min(self._loaded_since, begin)
        for first, last in ranges_until(int(now), ranges_since(begin, covered)):
            self.mark_fetched(first, last)
