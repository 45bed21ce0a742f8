"""By how much Aircall's clock leads ours, learned from the `Date` header of its answers.

Waits and call lengths are differences between a time that Aircall wrote and now: taken across two
machines' clocks they would be wrong by whatever those differ.
"""

import math


class ServerClock:
    """The smallest correction that explains every `Date` seen: none where the clocks may well agree."""

    def __init__(self) -> None:
        self._low, self._high = -math.inf, math.inf

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
        moment between our two. Where that contradicts what was known, a clock was set: begin anew.
        """
        low, high = date - received, date + 1 - sent
        known_low, known_high = max(self._low, low), min(self._high, high)
        self._low, self._high = (known_low, known_high) if known_low <= known_high else (low, high)
