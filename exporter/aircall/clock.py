"""By how much Aircall's clock leads ours, learned from the `Date` header of its answers.

Waits and call lengths are differences between a time that Aircall wrote and now: taken across two
machines' clocks they would be wrong by whatever those differ.
"""

import math

CONFIRMED = 3
"""Answers in a row that have to agree on another time before it is believed: one server may be wrong."""

Bounds = tuple[float, float]


class ServerClock:
    """The smallest correction that explains every `Date` seen: none where the clocks may well agree."""

    def __init__(self) -> None:
        self._low, self._high = -math.inf, math.inf
        self._told: Bounds | None = None
        self._agreeing = 0

    @property
    def known(self) -> bool:
        """Whether any answer has told the time yet."""
        return self._high < math.inf

    @property
    def ahead(self) -> float:
        """Seconds to add to our time to have Aircall's."""
        return min(max(0.0, self._low), self._high)

    def observe(self, date: float, sent: float, received: float) -> None:
        """Learn from an answer asked for at `sent`, there at `received` (ours), and dated `date` (theirs).

        `Date` is cut to whole seconds: Aircall's clock stood between `date` and a second later at some
        moment between our two. Where one answer after another contradicts what was known, and they agree
        with each other, a clock was set.
        """
        told = date - received, date + 1 - sent
        known = _both((self._low, self._high), told)
        if known is None:
            again = self._told and _both(self._told, told)
            self._told, self._agreeing = again or told, self._agreeing + 1 if again else 1
            if self._agreeing < CONFIRMED:
                return
            known = self._told
        (self._low, self._high), self._told = known, None


def _both(one: Bounds, other: Bounds) -> Bounds | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None
