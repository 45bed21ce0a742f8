"""The board: what a supervisor sees at one moment, computed from what the account knows.

A board is never edited: each poll makes a new one, which takes over the rows that nothing happened to.
Where the tutorial decides a rule (inferred missed calls, the SLA, the queue's levels, "Single Users"), the
function that holds it says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.account.counter_totals import Histogram, Summary
from exporter.account.directory import NamedRef
from exporter.account.presence import State
from exporter.aircall.models import Direction
from exporter.config import Caller, Settings

CallCounts = Mapping[tuple[str, str], int]
"""Calls by direction and outcome; a pair that cannot be told is left out."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A caller in the queue; the number is empty if the call has none. `since` is UNIX seconds on Aircall's
    clock."""

    id: str
    number: NamedRef
    caller: str
    since: int


@dataclass(frozen=True, slots=True)
class CurrentCall:
    """The call that a user talks in. `since` (when it was answered) is UNIX seconds on Aircall's clock."""

    direction: Direction
    number: NamedRef
    caller: str
    since: int


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user on the board. Averages are seconds over the period, none where there is no call to average."""

    user: NamedRef
    time_zone: str
    language: str
    teams: tuple[NamedRef, ...]
    numbers: tuple[NamedRef, ...]
    state: State
    since: float | None
    substatus: str | None
    seconds: Mapping[State, float]
    calls: CallCounts
    average_answer: float | None
    average_call: float | None
    sla_breached: bool | None
    waiting: int | None
    current: CurrentCall | None


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team on the board. `missed` is by reason, empty while assignments are unknown."""

    team: NamedRef
    users: Mapping[State, int]
    calls: CallCounts
    missed: Mapping[str, int]
    average_answer: float | None
    average_call: float | None
    sla_breached: bool | None
    service_level: float | None
    waiting: int | None


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number on the board. `users` are the assigned ones by state, none while assignments are unknown."""

    number: NamedRef
    digits: str
    country: str
    time_zone: str
    users: Mapping[State, int] | None
    calls: CallCounts
    missed: Mapping[str, int]
    average_answer: float | None
    average_call: float | None
    sla_breached: bool | None
    service_level: float | None


@dataclass(frozen=True, slots=True)
class UserCounters:
    """What was counted for a user, or for nobody. `calls` are by number, direction and outcome, `talk` by
    direction; the time to answer is none where it is counted for nobody. `declined` and `held` are told by
    events, and none without."""

    user: NamedRef
    calls: Mapping[tuple[NamedRef, str, str], int]
    answer: Summary | None
    talk: Mapping[str, Summary]
    declined: int | None
    held: Summary | None


@dataclass(frozen=True, slots=True)
class NumberCounters:
    """What was counted for a number, or for none. `missed` is by reason, `talk` by direction; `queue` is told
    by events, and none without."""

    number: NamedRef
    missed: Mapping[str, int]
    answer: Histogram | None
    talk: Mapping[str, Histogram]
    queue: Histogram | None


@dataclass(frozen=True, slots=True)
class TeamCounters:
    """What was counted for a team."""

    team: NamedRef
    calls: CallCounts


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters with the names as they are known now; empty until the calls have been read whole."""

    users: tuple[UserCounters, ...] = ()
    numbers: tuple[NumberCounters, ...] = ()
    teams: tuple[TeamCounters, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """Everything served, as of one moment.

    `known` names the datasets that have been read once; `server_ahead` is by how many seconds Aircall's
    clock leads ours, so that waits can be told at any later moment without asking anybody. So many users
    are `left_out` as there are beyond `user_limit`. `queue_without_number` is whether a call without a number
    has waited since the start: its queue is shown from then on. `ignored_calls` had an unknown direction.
    `limits` is how often each limit of what is kept was exceeded.
    """

    settings: Settings
    known: frozenset[str]
    server_ahead: float
    users: tuple[UserRow, ...]
    teams: tuple[TeamRow, ...]
    numbers: tuple[NumberRow, ...]
    queue: tuple[WaitingCall, ...]
    counters: Counters
    malformed: Mapping[str, int]
    dropped_users: int = 0
    queue_without_number: bool = False
    ignored_calls: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)


def breaches_sla(value: float | None, sla: float) -> bool | None:
    """Whether an average time to answer breaks the SLA: above it, not at it; none where the SLA is off.

    Tutorial, "SLA": a user whose average waiting time exceeds the configured one.
    """
    if sla <= 0:
        return None
    return value is not None and value > sla


def wait_level(seconds: float, warning: float, critical: float) -> int:
    """0 (green) below `warning` seconds, 1 (yellow) from there, 2 (red) from `critical` seconds on
    (tutorial, "Inbound Calls Queue")."""
    return (seconds >= warning) + (seconds >= critical)


def format_caller(raw_digits: str | None, how: Caller) -> str:
    """The caller's number as labels may show it; masked keeps the last three digits and the length."""
    if how == "hidden":
        return "hidden"
    text = raw_digits or "unknown"
    if how == "full" or text in ("anonymous", "unknown"):
        return text
    if not re.fullmatch(r"[-+ ()./0-9]*", text):
        return "***"  # a SIP address, say, of which any part may be a name
    return re.sub(r"[0-9](?=(?:[^0-9]*[0-9]){3})", "*", text)
