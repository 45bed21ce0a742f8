"""The board: an immutable view of the account at one moment, from which metrics are rendered.

Each poll builds a new board, which shares unchanged rows with the one before. Rules that come from the
tutorial (inferred missed calls, the SLA, the levels of the queue, "Single Users") are marked as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.account.counter_totals import Histogram, Summary
from exporter.account.directory import NamedRef
from exporter.account.kpi_rules import KpiRules
from exporter.account.menu_stages import MenuSource, Stage
from exporter.account.period import InboundTally, PeriodName
from exporter.account.presence import State
from exporter.aircall.models import Direction
from exporter.config.settings import Settings

CallCounts = Mapping[tuple[str, str], int]
"""Calls by direction and outcome; pairs whose count is unknown are left out."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A caller in the queue, or in a menu. `number` is empty for a call without a number.

    `since` is when they began to wait for a person, as far as that is known (UNIX seconds, Aircall's
    clock). `warning` and `critical` are the waits, in seconds, from which
    the caller is shown in yellow and in red.
    """

    id: str
    number: NamedRef
    caller: str
    since: int
    warning: float
    critical: float
    stage: Stage = "unknown"


@dataclass(frozen=True, slots=True)
class CurrentCall:
    """A user's current call. `since` is when it was answered (UNIX seconds, Aircall's clock)."""

    direction: Direction
    number: NamedRef
    caller: str
    since: int


@dataclass(frozen=True, slots=True)
class UserFigures:
    """A user's calls of one period. Averages are in seconds, or None without calls.

    `sla_breached` is by team id, because teams may have different SLAs.
    """

    calls: CallCounts
    average_answer: float | None
    average_call: float | None
    sla_breached: Mapping[str, bool | None]


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The calls of a team or number in one period. Averages are in seconds. None without calls.

    `missed` is by reason, and empty while assignments are unknown. `inbound` leaves out the calls that the
    service level's rule ignores, and is None while assignments are unknown.
    """

    calls: CallCounts
    missed: Mapping[str, int]
    average_answer: float | None
    average_call: float | None
    sla_breached: bool | None
    inbound: InboundTally | None


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user on the board.

    `display_name` is the name, followed by the id if several users have the same name. `substatus_seconds` is
    the time on do not disturb by substatus, as saved in the archive.
    """

    user: NamedRef
    display_name: str
    time_zone: str
    language: str
    teams: tuple[NamedRef, ...]
    numbers: tuple[NamedRef, ...]
    state: State
    since: float | None
    substatus: str | None
    seconds: Mapping[State, float]
    substatus_seconds: Mapping[str, int]
    figures: Mapping[PeriodName, UserFigures]
    waiting: int | None
    current: CurrentCall | None


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team on the board."""

    team: NamedRef
    rules: KpiRules
    users: Mapping[State, int]
    figures: Mapping[PeriodName, GroupFigures]
    waiting: int | None


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number on the board.

    `users` counts the assigned users by state; None if assignments are unknown. `is_open` is None if unknown.
    """

    number: NamedRef
    digits: str
    country: str
    time_zone: str
    rules: KpiRules
    users: Mapping[State, int] | None
    is_open: bool | None
    figures: Mapping[PeriodName, GroupFigures]


@dataclass(frozen=True, slots=True)
class UserCounters:
    """The counters of a user, or of the calls without a user.

    `calls` is by number, direction and outcome, `talk` by direction. `answer` is None for calls without a
    user. `ring_attempts` by result and `held` come from events. Without a webhook `held` is None, and there
    are only the attempts that were counted before.
    """

    user: NamedRef
    calls: Mapping[tuple[NamedRef, str, str], int]
    answer: Summary | None
    talk: Mapping[str, Summary]
    ring_attempts: Mapping[str, int]
    held: Summary | None


@dataclass(frozen=True, slots=True)
class NumberCounters:
    """The counters of a number, or of the calls without a number.

    `missed` is by reason, `talk` by direction. `queue` comes from events, and is None without a webhook.
    """

    number: NamedRef
    missed: Mapping[str, int]
    answer: Histogram | None
    abandon: Histogram | None
    talk: Mapping[str, Histogram]
    queue: Histogram | None
    call_backs: Mapping[str, int]
    """Ended call-backs by result."""
    call_back: Histogram | None
    """From the missed call to the first conversation."""


@dataclass(frozen=True, slots=True)
class TeamCounters:
    """The counters of a team."""

    team: NamedRef
    calls: CallCounts
    answer: Histogram | None


@dataclass(frozen=True, slots=True)
class CallBackRow:
    """The open call-backs of a number or a team."""

    subject: NamedRef
    open: Mapping[bool, int]
    """Callers by whether a voicemail of theirs is not archived."""
    oldest_at: int | None = None
    """When the first of these callers was missed (UNIX seconds, Aircall's clock)."""
    anonymous: int = 0
    """Missed calls of anonymous callers, who cannot be called back."""


@dataclass(frozen=True, slots=True)
class CallBackRows:
    """The open call-backs by number and by team; empty until the archive has reported them."""

    numbers: tuple[CallBackRow, ...] = ()
    teams: tuple[CallBackRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """All counters under current names; empty until the first fetch of calls is complete."""

    users: tuple[UserCounters, ...] = ()
    numbers: tuple[NumberCounters, ...] = ()
    teams: tuple[TeamCounters, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """All data that is served, as of one moment.

    Attributes:
        known: The datasets that have been fetched at least once.
        today_start: When the day that `today` covers began (UNIX seconds, Aircall's clock), or None if its
            figures are not complete.
        server_ahead: Seconds by which Aircall's clock is ahead of ours. Waits are computed with it later.
        call_backs: The callers who are to be called back.
        in_menu: The callers in a menu or with an AI voice agent, who do not wait for a person yet.
        menu_source: What reports menus.
        dropped_users: The number of users without rows or counters of their own because of `user_limit`.
        queue_without_number: Whether a call without a number has waited since the start. From then on the
            queue of such calls is shown.
        ignored_calls: The number of calls with an unknown direction.
        limits: How often each limit of `exporter.aircall.data_limits` was exceeded.
    """

    settings: Settings
    known: frozenset[str]
    today_start: int | None
    server_ahead: float
    users: tuple[UserRow, ...]
    teams: tuple[TeamRow, ...]
    numbers: tuple[NumberRow, ...]
    queue: tuple[WaitingCall, ...]
    counters: Counters
    malformed: Mapping[str, int]
    in_menu: tuple[WaitingCall, ...] = ()
    call_backs: CallBackRows = CallBackRows()
    menu_source: MenuSource = "none"
    dropped_users: int = 0
    queue_without_number: bool = False
    ignored_calls: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)


def breaches_sla(value: float | None, sla: float) -> bool | None:
    """Return whether an average time to answer exceeds the SLA (not equals it); None if the SLA is off.

    Tutorial, "SLA": a user whose average waiting time exceeds the configured one.
    """
    if sla <= 0:
        return None
    return value is not None and value > sla


def wait_level(seconds: float, warning: float, critical: float) -> int:
    """Return 0 (green) below `warning` seconds, 1 (yellow) from `warning` on, 2 (red) from `critical` on.

    The levels are from the tutorial, "Inbound Calls Queue".
    """
    return (seconds >= warning) + (seconds >= critical)
