"""Calls that are done and have no `ended_at`: Aircall may give it some seconds later.

Until then such a call is not shown and not counted, since its end decides whether it counts and how long
somebody talked.
"""

from msgspec.structs import replace

from exporter.aircall.models import Call

MAX_WAIT_S = 60.0
"""Seconds after the first look at such a call from which on it is counted without its end."""

MIN_RECHECK_S = 5.0
"""Seconds between two looks at such a call, at least."""

MAX_CALLS_WAITED_FOR = 200
"""Calls that are waited for at a time; others are counted at once: Aircall may give no ends at all."""


def as_open(call: Call) -> Call:
    """Return a call whose end is waited for as one in progress, so that another run reads it again."""
    return replace(call, status="initial" if call.answered_at is None else "answered")


class Unended:
    """Since when (UNIX seconds, our clock) calls have been read as done without an end, by call id."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def add(self, call: Call, at: float) -> bool:
        """Take in a call that is done, read `at` (our clock). Return whether its end is still waited for."""
        has_room = call.id in self._since or len(self._since) < MAX_CALLS_WAITED_FOR
        if call.ended_at is None and has_room and at - self._since.setdefault(call.id, at) < MAX_WAIT_S:
            return True
        self.forget(call.id)
        return False

    def __contains__(self, call_id: int) -> bool:
        return call_id in self._since

    def forget(self, call_id: int) -> None:
        """Wait for the end of a call no longer."""
        self._since.pop(call_id, None)
