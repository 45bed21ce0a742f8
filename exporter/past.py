"""What lies before the activity period and is still to be read: stretches of time, first and last second.

They are read when there is time. At the exporter's start it is the time in which calls may have begun
that still go on, and what went by since the archive was written; later, what went by while Aircall could
not be read. All times are UNIX seconds on Aircall's clock.
"""

from collections.abc import Iterable

from exporter.account.calls import OVERLAP
from exporter.archive.records import Progress

Gap = tuple[int, int]


class Past:
    """The gaps that are left to read, the latest first; no two of them overlap."""

    def __init__(self) -> None:
        self.gaps: tuple[Gap, ...] = ()
        self._behind: Gap | None = None
        self._first_read_from: int | None = None
        self._archived_to: int | None = None
        self._polled = False

    def begun(self, earliest: int, behind: Gap | None) -> None:
        """A poll of calls has begun that reads from `earliest` on and leaves `behind` unread."""
        self._behind = behind
        if self._first_read_from is None:
            self._first_read_from = earliest

    def polled(self) -> None:
        """That poll is complete."""
        self._polled = True
        if self._behind is not None:
            self._add(self._behind)
        self._resume()

    def read(self, since: int, until: int) -> None:
        """Everything from `since` to `until` has been read."""
        self.gaps = tuple(_without(self.gaps, since, until))

    def restore(self, progress: Progress) -> None:
        """Go on from how far reading had come at an earlier start."""
        self._add(*progress.gaps)
        self._archived_to = int(progress.read_to) - OVERLAP
        self._resume()

    def _add(self, *gaps: Gap) -> None:
        self.gaps = _merged((*self.gaps, *gaps))

    def _resume(self) -> None:
        if self._archived_to is None or self._first_read_from is None or not self._polled:
            return
        if self._archived_to < self._first_read_from:
            self._add((self._archived_to, self._first_read_from - 1))
        self._archived_to = None


def _merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The same seconds in as few stretches as possible: what every start looks back on is read once."""
    merged: list[Gap] = []
    for since, until in sorted(gaps, reverse=True):
        end = until
        while merged and end >= merged[-1][0] - 1:
            end = max(end, merged.pop()[1])
        merged.append((since, end))
    return tuple(merged)


def _without(gaps: Iterable[Gap], since: int, until: int) -> Iterable[Gap]:
    """What is left of the gaps after and before what was read."""
    for first, last in gaps:
        if last > until:
            yield max(first, until + 1), last
        if first < since:
            yield first, min(last, since - 1)
