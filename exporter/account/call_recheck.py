"""When a call in progress is looked at again, and for how long it is shown.

A call whose end is likely is looked at at once. One that goes on all the same is looked at ever more
rarely: Aircall never ends some calls.
"""

from exporter.aircall.models import Call

RECHECK_AFTER_S = 600.0
"""Seconds after which a call is looked at again although nothing suggests that it is over."""

LONG_WAIT_S = 600.0
"""Seconds of waiting from which on a caller is looked at ever more rarely, and counts as doubtful."""

DOUBTFUL_AFTER_S = 60.0
"""Seconds from the first sign of a call's end after which it counts as doubtful if it still goes on."""

SHARE_OF_AGE = 0.1
"""An old call is looked at again after this part of its age."""

LONGEST_RINGING, LONGEST_CALL = 2 * 3600.0, 12 * 3600.0
"""Seconds from its start for which a call that rings, or one that was answered, is shown."""


def recheck_interval(age: float) -> float:
    """Return the seconds between two looks at a call that began `age` seconds ago and may go on."""
    return max(RECHECK_AFTER_S, SHARE_OF_AGE * age)


def is_too_old(call: Call, age: float) -> bool:
    """Return whether a call began so long ago that it is not shown any more."""
    return age > (LONGEST_RINGING if call.phase == "initial" else LONGEST_CALL)


class Doubts:
    """Since when (UNIX seconds, our clock) something has suggested that calls are over, by call id."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def clear(self, call_id: int) -> None:
        """Nothing suggests any more that the call is over, or it is."""
        self._since.pop(call_id, None)

    def is_due(self, call_id: int, seen_at: float, age: float, now: float) -> bool:
        """Return whether a doubtful call is to be looked at again `now`, after a look at `seen_at`.

        The first look is due at once. Each wait is as long as all looks before it have taken together, so
        waits double, up to `interval`.
        """
        since = self._since.setdefault(call_id, now)
        return now - seen_at >= min(seen_at - since, recheck_interval(age))

    def is_lasting(self, call_id: int, now: float) -> bool:
        """Return whether a call has gone on for a while although it seemed to be over."""
        return now - self._since.get(call_id, now) > DOUBTFUL_AFTER_S
