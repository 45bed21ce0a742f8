"""Presence: each user's state and substatus, and the observed time in each state."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from exporter.account.substatus_times import ObservedSubstatus
from exporter.aircall.substatus import ALWAYS_OPEN

State = Literal["available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown"]

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


class Spent(NamedTuple):
    """The time between two observations of a user, in UNIX seconds on our clock."""

    state: State
    since: float
    until: float


@dataclass
class Presence:
    """One user's state.

    `since` and `observed_at` are UNIX seconds on our clock. `seconds` is the time spent in each state. The
    substatus is normalised.
    """

    state: State
    since: float
    observed_at: float
    seconds: dict[State, float] = field(default_factory=lambda: dict.fromkeys(STATES, 0.0))
    _substatus: str | None = None
    _substatus_at: float = 0.0
    by_substatus: ObservedSubstatus = field(default_factory=ObservedSubstatus)
    """The time on do not disturb."""

    @property
    def substatus(self) -> str | None:
        """The user's substatus; None if it is unknown or belongs to another state."""
        return None if is_incompatible(self.state, self._substatus) else self._substatus

    def set_substatus(self, substatus: str | None, at: float) -> None:
        """Set the substatus that was requested `at` (UNIX seconds, our clock), unless it is outdated."""
        if at >= self._substatus_at:
            self._substatus, self._substatus_at = substatus, at
            self.by_substatus.update(self._is_away, self._substatus)

    def observe(self, state: State, at: float, stale_after: float) -> Spent | None:
        """Record that the user was in `state` at `at` (UNIX seconds, our clock).

        Returns the time that this adds, or None if it is outdated.

        The time since the last observation counts for the state seen then. If that is more than `stale_after`
        seconds ago, the time counts as unknown. Observations older than the last one are ignored. Of two
        states at the same time, the one with the higher code stays.
        """
        if (at, STATE_CODES[state]) < (self.observed_at, STATE_CODES[self.state]):
            return None
        gap = max(0.0, at - self.observed_at)
        is_seen = gap <= stale_after
        spent = Spent(self.state if is_seen else "unknown", self.observed_at, self.observed_at + gap)
        self.seconds[spent.state] += gap
        if self._is_away:
            self.by_substatus.add(gap if is_seen else 0.0, ended=state != "do_not_disturb")
        if state != self.state:
            self.state, self.since = state, at
        if at > self._substatus_at and is_incompatible(state, self._substatus):
            self._substatus = None
        self.by_substatus.update(self._is_away, self._substatus)
        self.observed_at = spent.until
        return spent

    @property
    def _is_away(self) -> bool:
        return self.state == "do_not_disturb"


class PresenceBook:
    """The presence of every user in Aircall's lists, by user id."""

    def __init__(self) -> None:
        self.users: dict[int, Presence] = {}
        self.unknown_states: set[str] = set()

    def apply(self, user_id: int, word: str, at: float, stale_after: float) -> Spent | None:
        """Take in one user's availability. A word that is not in `STATES` becomes `unknown`.

        Returns the time since the last observation, or None if there was none, or a later one.
        """
        state: State = next((state for state in STATES if state == word), "unknown")
        if state != word:
            self.unknown_states.add(word)
        if user_id in self.users:
            return self.users[user_id].observe(state, at, stale_after)
        self.users[user_id] = Presence(state, at, at)
        return None

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
