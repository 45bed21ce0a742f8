"""Calls that are done but have no `ended_at` yet. Aircall may set it some seconds later.

Until then such a call is neither shown nor counted, because its end decides whether it counts and how long
the users talked.
"""

from msgspec.structs import replace

from exporter.aircall.models import Call

MAX_WAIT_S = 60.0
"""Seconds after the first fetch of such a call after which it is counted without its end."""

MIN_RECHECK_S = 5.0
"""Minimum seconds between two fetches of such a call."""

MAX_CALLS_WAITED_FOR = 200
"""Maximum number of such calls. Further ones are counted at once, in case Aircall never sets `ended_at`."""


def as_open(call: Call) -> Call:
    """Return a copy of a call that is still active, so that a later run fetches it again."""
    return replace(call, status="initial" if call.answered_at is None else "answered", ended_at=None)


class Unended:
    """When calls were first seen as done without an end (UNIX seconds, our clock), by call id."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def add(self, call: Call, at: float) -> bool:
        """Take in a done call that was fetched `at` (our clock); return whether its end is still awaited."""
        has_room = call.id in self._since or len(self._since) < MAX_CALLS_WAITED_FOR
        if call.ended_at is None and has_room and at - self._since.setdefault(call.id, at) < MAX_WAIT_S:
            return True
        self.forget(call.id)
        return False

    def __contains__(self, call_id: int) -> bool:
        return call_id in self._since

    def forget(self, call_id: int) -> None:
        """Stop waiting for the end of a call."""
        self._since.pop(call_id, None)
