"""Rules for when an active call is fetched again, and for how long it is shown.

A call that has probably ended is fetched at once. If it has not ended, it is fetched ever more rarely,
because Aircall never ends some calls.
"""

from exporter.aircall.models import Call

RECHECK_AFTER_S = 600.0
"""Seconds after which a call is fetched again although nothing suggests that it has ended."""

LONG_WAIT_S = 600.0
"""Seconds of waiting after which a call is fetched ever more rarely, and counts as doubtful."""

DOUBTFUL_AFTER_S = 60.0
"""Seconds after the first evidence of a call's end from which on it counts as doubtful."""

SHARE_OF_AGE = 0.1
"""An old call is fetched again after this part of its age."""

LONGEST_RINGING, LONGEST_CALL = 2 * 3600.0, 12 * 3600.0
"""Seconds after its start for which a ringing call, or an answered one, is shown."""


def recheck_interval(age: float) -> float:
    """Return the seconds between two fetches of an active call that began `age` seconds ago."""
    return max(RECHECK_AFTER_S, SHARE_OF_AGE * age)


def is_too_old(call: Call, age: float) -> bool:
    """Return whether a call began too long ago to be shown."""
    return age > (LONGEST_RINGING if call.phase == "initial" else LONGEST_CALL)


class Doubts:
    """The times (UNIX seconds, our clock) of the first evidence that calls have ended, by call id."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def clear(self, call_id: int) -> None:
        """Drop the evidence for a call: it has ended, or is known to continue."""
        self._since.pop(call_id, None)

    def is_due(self, call_id: int, seen_at: float, age: float, now: float) -> bool:
        """Return whether to fetch a call again `now` that has probably ended and was fetched at `seen_at`.

        The first fetch is due at once. Each wait is as long as all waits before it together, so waits double,
        up to `recheck_interval`.
        """
        since = self._since.setdefault(call_id, now)
        return now - seen_at >= min(seen_at - since, recheck_interval(age))

    def is_lasting(self, call_id: int, now: float) -> bool:
        """Return whether a call has been active for `DOUBTFUL_AFTER_S` since it seemed to have ended."""
        return now - self._since.get(call_id, now) > DOUBTFUL_AFTER_S
