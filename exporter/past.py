"""What lies before the activity period and is still to be read: stretches of time, first and last second.

They are read when there is time. At the exporter's start it is the time in which calls may have begun
that still go on, and what went by since the archive was written; later, what went by while Aircall could
not be read. All times are UNIX seconds on Aircall's clock.
"""

from exporter.account.calls import OVERLAP
from exporter.archive.records import Progress


class Past:
    """The gaps that are left to read, in the order in which they turned up."""

    def __init__(self) -> None:
        self.gaps: list[tuple[int, int]] = []
        self._behind: tuple[int, int] | None = None
        self._first_read_from: int | None = None
        self._archived_to: int | None = None
        self._polled = False

    def begun(self, earliest: int, behind: tuple[int, int] | None) -> None:
        """A poll of calls has begun that reads from `earliest` on and leaves `behind` unread."""
        self._behind = behind
        if self._first_read_from is None:
            self._first_read_from = earliest

    def polled(self) -> None:
        """That poll is complete."""
        self._polled = True
        if self._behind is not None:
            self.gaps.append(self._behind)
        self._resume()

    def restore(self, progress: Progress) -> None:
        """Go on from how far reading had come at an earlier start."""
        self.gaps.extend(progress.gaps)
        self._archived_to = int(progress.read_to) - OVERLAP
        self._resume()

    def _resume(self) -> None:
        if self._archived_to is None or self._first_read_from is None or not self._polled:
            return
        if self._archived_to < self._first_read_from:
            self.gaps.append((self._archived_to, self._first_read_from - 1))
        self._archived_to = None
