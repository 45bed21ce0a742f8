"""The open call-backs of the company: how many, on which numbers, and since when."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from exporter.account.call_backs import CallBackChanges, OpenMissedCall
from exporter.account.reused_objects import reuse_if_equal
from exporter.aircall.data_limits import MAX_CALL_BACKS, Limit


@dataclass(frozen=True, slots=True)
class CallBacks:
    """The open call-backs of a number."""

    open: Mapping[bool, int] = field(default_factory=dict)
    """Callers by whether a voicemail of theirs is not archived."""
    oldest_at: int | None = None
    """When the first of these callers was missed (UNIX seconds, Aircall's clock)."""
    anonymous: int = 0
    """Missed calls of callers whose number is unknown, so that they cannot be called back."""

    def added(self, other: "CallBacks") -> "CallBacks":
        """Return the call-backs of both."""
        oldest = [at for at in (self.oldest_at, other.oldest_at) if at is not None]
        total = Counter(self.open) + Counter(other.open)
        return CallBacks(total, min(oldest, default=None), self.anonymous + other.anonymous)


NO_CALL_BACKS = CallBacks()


class OpenCallBacks:
    """The missed calls of callers who are open, as the archive reported them."""

    def __init__(self) -> None:
        self.is_known = False
        """Whether the archive has reported them."""
        self._missed: dict[int, OpenMissedCall] = {}
        self._by_number: Mapping[int | None, CallBacks] = {}
        self._valid = -math.inf, -math.inf
        """From when until when (UNIX seconds, Aircall's clock) `_by_number` is right."""

    def apply(self, changes: CallBackChanges, exceeded: Counter[Limit]) -> None:
        """Take in what has changed in the archive. `exceeded` counts the calls beyond the limit."""
        known = self._missed
        if changes.is_whole:
            self._missed, self.is_known = {}, True
        for call_id in changes.removed:
            self._missed.pop(call_id, None)
        for missed in changes.added:
            if missed.call_id in self._missed or len(self._missed) < MAX_CALL_BACKS:
                kept = reuse_if_equal(known.get(missed.call_id), missed)
                self._missed[kept.call_id] = kept
            else:
                exceeded["call_backs"] += 1
        self._valid = -math.inf, -math.inf

    def by_number(self, now: float) -> Mapping[int | None, CallBacks]:
        """Return the open call-backs of each number that has some, `now` (UNIX seconds, Aircall's clock).

        They are computed again only if a call-back has changed, begun or expired.
        """
        if not self._valid[0] <= now < self._valid[1]:
            times = [
                time for missed in self._missed.values() for time in (missed.open_from, missed.expires_at)
            ]
            earlier = max((time for time in times if time <= now), default=-math.inf)
            self._valid = earlier, min((time for time in times if time > now), default=math.inf)
            self._by_number = _by_number(self._missed.values(), now)
        return self._by_number


def _by_number(missed: Iterable[OpenMissedCall], now: float) -> Mapping[int | None, CallBacks]:
    left = [one for one in missed if now < one.expires_at]
    anonymous = Counter(one.number_id for one in left if one.anonymous)
    callers: dict[int | None, Counter[bool]] = {}
    oldest: dict[int | None, int] = {}
    by_caller = attrgetter("last_call_id")
    named = sorted(
        (one for one in left if not one.anonymous), key=lambda one: (one.last_call_id, one[2], one[0])
    )
    for _, of_caller in groupby(named, key=by_caller):
        first, *others = of_caller
        if now < first.open_from:
            continue
        number = first.number_id
        callers.setdefault(number, Counter())[any(one.voicemail for one in (first, *others))] += 1
        oldest[number] = min(oldest.get(number, first.missed_at), first.missed_at)
    return {
        number: CallBacks(callers.get(number, Counter()), oldest.get(number), anonymous[number])
        for number in callers.keys() | anonymous.keys()
    }
