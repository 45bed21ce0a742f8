"""Presence: each user's state and substatus, and the observed time in each state."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal, get_args

State = Literal["available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown"]

ALWAYS_OPEN = "always_open"
"""The substatus of an available user. All others are reasons for not being available."""

STATES: tuple[State, ...] = get_args(State)
STATE_CODES: dict[State, int] = {
    "offline": 0,
    "available": 1,
    "do_not_disturb": 2,
    "in_call": 3,
    "after_call_work": 4,
    "unknown": 5,
}

_STATES_BY_EVENT: dict[str, State] = {"user.disconnected": "offline", "user.wut_start": "after_call_work"}


def is_incompatible(state: State, substatus: str | None) -> bool:
    """Return whether a user in this state cannot have this substatus.

    The two are fetched one after the other, so the substatus may belong to an earlier state.
    """
    if state == "available":
        return substatus != ALWAYS_OPEN
    return state == "do_not_disturb" and substatus == ALWAYS_OPEN


@dataclass
class Presence:
    """One user's state.

    `since` and `observed_at` are UNIX seconds on our clock. `seconds` is the time spent in each state.
    """

    state: State
    since: float
    observed_at: float
    seconds: dict[State, float] = field(default_factory=lambda: dict.fromkeys(STATES, 0.0))
    _substatus: str | None = None
    _substatus_at: float = 0.0

    @property
    def substatus(self) -> str | None:
        """The user's substatus in Aircall's words; None if it is unknown or belongs to another state."""
        return None if is_incompatible(self.state, self._substatus) else self._substatus

    def set_substatus(self, substatus: str | None, at: float) -> None:
        """Set the substatus that was requested `at` (UNIX seconds, our clock), unless it is outdated."""
        if at >= self._substatus_at:
            self._substatus, self._substatus_at = substatus, at

    def observe(self, state: State, at: float, stale_after: float) -> None:
        """Record that the user was in `state` at `at` (UNIX seconds, our clock).

        The time since the last observation counts for the state seen then. If that is more than `stale_after`
        seconds ago, the time counts as unknown. Observations older than the last one are ignored. Of two
        states at the same time, the one with the higher code stays.
        """
        if (at, STATE_CODES[state]) < (self.observed_at, STATE_CODES[self.state]):
            return
        gap = max(0.0, at - self.observed_at)
        self.seconds[self.state if gap <= stale_after else "unknown"] += gap
        if state != self.state:
            self.state, self.since = state, at
        if at > self._substatus_at and is_incompatible(state, self._substatus):
            self._substatus = None
        self.observed_at = max(at, self.observed_at)


class PresenceBook:
    """The presence of every user in Aircall's lists, by user id."""

    def __init__(self) -> None:
        self.users: dict[int, Presence] = {}
        self.unknown_states: set[str] = set()

    def apply(self, user_id: int, word: str, at: float, stale_after: float) -> None:
        """Take in one user's availability. A word that is not in `STATES` becomes `unknown`."""
        state: State = next((state for state in STATES if state == word), "unknown")
        if state != word:
            self.unknown_states.add(word)
        if user_id in self.users:
            self.users[user_id].observe(state, at, stale_after)
        else:
            self.users[user_id] = Presence(state, at, at)

    def remove(self, user_ids: Set[int]) -> None:
        """Remove these users."""
        self.users = {id_: presence for id_, presence in self.users.items() if id_ not in user_ids}


def state_from_event(event: str, available: bool | None, known: State | None) -> State | None:
    """Return the user's state after an event, or None if the availability has to be fetched.

    Args:
        event: The name of the event.
        available: The event's field `available`.
        known: The user's last state. `user.opened` and `user.closed` decide the state only if the user was
            neither offline nor in a call.
    """
    if event in ("user.opened", "user.closed") and known in ("available", "do_not_disturb"):
        return "available" if event == "user.opened" else "do_not_disturb"
    if event in ("user.connected", "user.wut_end") and available is not None:
        return "available" if available else "do_not_disturb"
    return _STATES_BY_EVENT.get(event)
