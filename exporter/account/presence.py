"""Who is doing what, since when, and for how long in all, as far as it was observed."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal, get_args

State = Literal["available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown"]

ALWAYS_OPEN = "always_open"
"""The substatus of who is available; every other one says why he is not."""

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
    """Whether one who is in this state cannot have this substatus.

    The two are read one after the other, and a reason that was read before the state is over with it.
    """
    if state == "available":
        return substatus != ALWAYS_OPEN
    return state == "do_not_disturb" and substatus == ALWAYS_OPEN


@dataclass
class Presence:
    """One user's state.

    `since` and `observed_at` are UNIX seconds on our clock, `seconds` is the time spent in each state.
    """

    state: State
    since: float
    observed_at: float
    seconds: dict[State, float] = field(default_factory=lambda: dict.fromkeys(STATES, 0.0))
    _substatus: str | None = None
    _substatus_at: float = 0.0

    @property
    def substatus(self) -> str | None:
        """What Aircall calls his substatus; none where it is not known, or is of another state."""
        return None if is_incompatible(self.state, self._substatus) else self._substatus

    def set_substatus(self, substatus: str | None, at: float) -> None:
        """Take in a substatus as it was asked for `at`; an earlier one than is known changes nothing."""
        if at >= self._substatus_at:
            self._substatus, self._substatus_at = substatus, at

    def observe(self, state: State, at: float, patience: float) -> None:
        """See the user in `state` at `at`.

        The time since he was last looked at went to the state that he was seen in then; where that is
        longer ago than `patience` seconds nobody can say what he did, and it counts as unknown. What comes
        late and was so before that changes nothing; of two states at one moment the one with the higher code
        stays.
        """
        if (at, STATE_CODES[state]) < (self.observed_at, STATE_CODES[self.state]):
            return
        gap = max(0.0, at - self.observed_at)
        self.seconds[self.state if gap <= patience else "unknown"] += gap
        if state != self.state:
            self.state, self.since = state, at
        if at > self._substatus_at and is_incompatible(state, self._substatus):
            self._substatus = None
        self.observed_at = max(at, self.observed_at)


class PresenceBook:
    """The presence of every user that Aircall lists, by user id."""

    def __init__(self) -> None:
        self.users: dict[int, Presence] = {}
        self.unknown_states: set[str] = set()

    def apply(self, user_id: int, word: str, at: float, patience: float) -> None:
        """Take in one user's availability; a word that Aircall added later reads as ``unknown``."""
        state: State = next((state for state in STATES if state == word), "unknown")
        if state != word:
            self.unknown_states.add(word)
        if user_id in self.users:
            self.users[user_id].observe(state, at, patience)
        else:
            self.users[user_id] = Presence(state, at, at)

    def remove(self, user_ids: Set[int]) -> None:
        """Forget these users."""
        self.users = {id_: presence for id_, presence in self.users.items() if id_ not in user_ids}


def state_from_event(event: str, available: bool | None, known: State | None) -> State | None:
    """The state that a user's event puts him in; none where it takes a look to tell.

    `available` is what the event says of him besides, `known` the state that he was seen in last: what he
    sets himself to shows only when he is neither away nor busy with a call.
    """
    if event in ("user.opened", "user.closed") and known in ("available", "do_not_disturb"):
        return "available" if event == "user.opened" else "do_not_disturb"
    if event in ("user.connected", "user.wut_end") and available is not None:
        return "available" if available else "do_not_disturb"
    return _STATES_BY_EVENT.get(event)
