"""Add up the observed time on do not disturb by user and substatus, over all runs of the exporter.

The archive holds the sums in whole seconds. Only sums that are saved are exposed, so a counter that was
scraped never falls, also if the process is killed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.account.counter_totals import Key
from exporter.aircall.data_limits import MAX_IDENTITIES, Limit
from exporter.aircall.substatus import ALWAYS_OPEN, SUBSTATUSES, UNKNOWN

MAX_WAIT_FOR_SUBSTATUS_S = 120.0
"""Seconds on do not disturb that are held back until the substatus is known. It is fetched less often than
the state, and has probably been the same since the state began."""

FAMILY = "substatus_seconds"
"""The first part of a total's key. The user's id and the substatus follow."""

_NO_TIME = {substatus: 0 for substatus in (*SUBSTATUSES, UNKNOWN) if substatus != ALWAYS_OPEN}
"""Exposed for each user from the start, so that Prometheus also sees the first increase."""


@dataclass
class ObservedSubstatus:
    """One user's observed time on do not disturb, by substatus."""

    _substatus: str | None = None
    """The substatus that was last known during this do not disturb."""
    _held_back: float = 0.0
    """Seconds of this do not disturb whose substatus is not known yet."""
    _seconds: dict[str, float] = field(default_factory=dict)

    def update(self, is_away: bool, substatus: str | None) -> None:
        """Take in whether the user is on do not disturb, and the substatus that was fetched last."""
        if not is_away:
            self._substatus = None
        elif substatus != ALWAYS_OPEN:  # fetched before the state that it belongs to
            self._substatus = substatus

    def add(self, seconds: float, ended: bool) -> None:
        """Add seconds on do not disturb, or hold them back if their substatus may still become known.

        Args:
            seconds: The observed time.
            ended: Whether the user is no longer on do not disturb.
        """
        self._held_back += seconds
        substatus = self._substatus
        if substatus is None and (ended or self._held_back > MAX_WAIT_FOR_SUBSTATUS_S):
            substatus = UNKNOWN
        if substatus is not None and self._held_back:
            self._seconds[substatus] = self._seconds.get(substatus, 0.0) + self._held_back
            self._held_back = 0.0

    def take(self) -> dict[str, float]:
        """Return the seconds by substatus that were added since the last call."""
        taken, self._seconds = self._seconds, {}
        return taken


class SubstatusTimes:
    """The time on do not disturb of all users, by substatus."""

    def __init__(self, exceeded: Counter[Limit]) -> None:
        """Begin with no time. `exceeded` counts the observations of users beyond the limit."""
        self._exceeded = exceeded
        self._seconds: dict[int, dict[str, float]] = {}
        """All time: what the archive had, and what was observed since."""
        self._loaded = False
        """Whether the archive's sums are included. Until then, nothing is saved."""
        self._unsaved: set[tuple[int, str]] = set()
        self._saved: dict[int, dict[str, int]] = {}
        """By user id and substatus: the whole seconds that the archive has."""

    def exposed(self, user_id: int) -> Mapping[str, int]:
        """Return a user's saved seconds by substatus; empty until the archive is loaded."""
        saved = self._saved.get(user_id)
        if not self._loaded:
            return {}
        return _NO_TIME if saved is None else _NO_TIME | saved

    def add(self, user_id: int, observed: Mapping[str, float]) -> None:
        """Add a user's observed seconds by substatus."""
        if not observed:
            return
        if user_id not in self._seconds and len(self._seconds) >= MAX_IDENTITIES:
            self._exceeded["substatus_users"] += 1
            return
        of_user = self._seconds.setdefault(user_id, {})
        for substatus, seconds in observed.items():
            of_user[substatus] = of_user.get(substatus, 0.0) + seconds
            self._unsaved.add((user_id, substatus))

    def restore(self, totals: Iterable[tuple[Key, int]]) -> None:
        """Continue from the sums in the archive.

        If the archive was replaced at runtime, the larger of both sums counts, and all sums are saved again.
        """
        stored = {key: seconds for key, seconds in totals if key[0] == FAMILY}
        for (_, user, substatus), seconds in stored.items():
            of_user = self._seconds.setdefault(int(user), {})
            known = of_user.get(substatus, 0.0)
            of_user[substatus] = max(known, seconds) if self._loaded else known + seconds
        self._loaded = True
        self._unsaved = {(user, substatus) for user, times in self._seconds.items() for substatus in times}
        self.mark_saved(stored.items())

    def take_unsaved(self) -> dict[Key, int]:
        """Return the sums that have changed since they were taken last."""
        if not self._loaded:
            return {}
        taken, self._unsaved = self._unsaved, set()
        return {
            (FAMILY, str(user), substatus): int(self._seconds[user][substatus]) for user, substatus in taken
        }

    def not_saved(self, totals: Iterable[Key]) -> None:
        """Record that these sums were taken, but the archive had no room for them."""
        self._unsaved |= {(int(key[1]), key[2]) for key in totals if key[0] == FAMILY}

    def mark_saved(self, totals: Iterable[tuple[Key, int]]) -> set[int]:
        """Expose the sums that the archive has now, and return the users whose exposed time changes."""
        changed = set()
        for key, seconds in totals:
            if key[0] == FAMILY:
                of_user = self._saved.setdefault(int(key[1]), {})
                if seconds > of_user.get(key[2], -1):
                    of_user[key[2]] = seconds
                    changed.add(int(key[1]))
        return changed
