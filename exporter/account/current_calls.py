"""Find each user's current call, and the users who have left a call that continues without them.

After a transfer to an outside number, the call continues and still names its last user. Events and a field of
the call report the transfer. Without them, the user's availability shows it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.account.presence import Presence, State
from exporter.aircall.models import Call

FREE_FOR_S = 15.0
"""Seconds in a state outside `IN_CALL` after which a user counts as having left the call."""

IN_CALL: tuple[State, ...] = ("in_call", "unknown")
"""The states that a user may be in during a call."""


@dataclass(slots=True)
class _Talk:
    """A user in a call. `since` is when they were first seen in it (UNIX seconds, our clock)."""

    user_id: int
    since: float
    left: bool = False
    reported_at: float = -math.inf
    """The time of the newest report of a transfer (UNIX seconds, our clock)."""


class Talking:
    """The users of the answered calls in progress."""

    def __init__(self) -> None:
        self._talks: dict[int, _Talk] = {}

    def apply(self, call: Call, at: float) -> None:
        """Take in the newest version of a call, read `at` (UNIX seconds, our clock)."""
        if call.phase != "answered" or call.user is None:
            self.forget(call.id)
            return
        talk = self._talks.get(call.id)
        if talk is None or talk.user_id != call.user.id:
            self._talks[call.id] = _Talk(call.user.id, at)

    def forget(self, call_id: int) -> None:
        """Remove a call that has ended."""
        self._talks.pop(call_id, None)

    def reported(self, call: Call, left: bool, at: float) -> None:
        """Record that a call's user has left it, or failed to, `at` (UNIX seconds, our clock)."""
        talk = self._talks.get(call.id)
        if talk and call.user and talk.user_id == call.user.id and at >= talk.reported_at:
            talk.left, talk.reported_at = left, at

    def update_presence(self, presence: Mapping[int, Presence]) -> None:
        """Take in the presence of all users."""
        for talk in self._talks.values():
            seen = presence.get(talk.user_id)
            if seen and seen.state not in IN_CALL:
                talk.left |= seen.observed_at - max(seen.since, talk.since) >= FREE_FOR_S

    def has_left(self, call: Call) -> bool:
        """Return whether the call continues without its user."""
        talk = self._talks.get(call.id)
        return talk is not None and talk.left and call.user is not None and call.user.id == talk.user_id

    def current(self, live: Iterable[Call]) -> dict[int, Call]:
        """Return the current call of each user, by user id; of several, the one that was answered last.

        A user who is dialling does not talk in a call that was answered before.
        """
        latest: dict[int, Call] = {}
        for call in live:
            dials = call.direction == "outbound" and call.phase == "initial"
            if call.user is None or not (dials or call.phase == "answered") or self.has_left(call):
                continue
            other = latest.get(call.user.id)
            if other is None or _place(other) < _place(call):
                latest[call.user.id] = call
        return {user_id: call for user_id, call in latest.items() if call.phase == "answered"}


def _place(call: Call) -> tuple[int, int]:
    return call.started_at if call.answered_at is None else call.answered_at, call.id
