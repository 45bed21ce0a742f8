"""Remember which of Aircall's lists were incomplete when last fetched."""

import math

from exporter.account.removal_detector import CONFIRMATION_S


class IncompleteLists:
    """The names of lists that were probably incomplete when last fetched, and since when.

    Such a list is empty, holds fewer objects than its `meta.total` or malformed ones, or holds teams or
    numbers without any users. It has to be fetched again soon.
    """

    def __init__(self) -> None:
        """Begin without a list."""
        self._fetched: dict[str, tuple[float, float]] = {}
        """When each list was fetched as incomplete for the first and the last time in a row (our clock)."""
        self._complete: set[str] = set()
        """The lists that have been complete once. Their objects are known, and not removed at once."""

    def record(self, name: str, at: float, incomplete: bool) -> None:
        """Record that a list was fetched `at` (UNIX seconds, our clock)."""
        first, _ = self._fetched.pop(name, (at, at))
        if incomplete:
            self._fetched[name] = first, at
        else:
            self._complete.add(name)

    def __contains__(self, name: str) -> bool:
        """Return whether the list was incomplete when last fetched."""
        return name in self._fetched

    def once(self, name: str) -> bool:
        """Return whether the list was incomplete in the last fetch only."""
        return self._lasted(name) == 0

    def in_doubt(self, name: str) -> bool:
        """Return whether the list has never been complete, and incomplete for less than `CONFIRMATION_S`."""
        return name not in self._complete and self._lasted(name) < CONFIRMATION_S

    def _lasted(self, name: str) -> float:
        """Return for how many seconds the list has been incomplete; infinite if it is complete."""
        first, last = self._fetched.get(name, (-math.inf, 0.0))
        return last - first
