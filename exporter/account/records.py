"""Define what is saved in the archive, and what is loaded from it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal, NamedTuple

from exporter.account.call_backs import CallBackChanges, CallBackTask
from exporter.account.counter_totals import Key
from exporter.account.recorded_steps import CallStep
from exporter.account.teams import Team
from exporter.account.times_in_state import Key as TimeKey
from exporter.account.times_in_state import TimeInState
from exporter.account.user_series import SavedUserSeries
from exporter.aircall.menus import MenuTimes
from exporter.aircall.models import Call, CallDetails
from exporter.config.settings import Caller

UserStates = Mapping[int, tuple[str, float]]
"""By user id: the state, and since when (UNIX seconds) the user is in it."""

TimeRange = tuple[int, int]
"""The first and the last second of a range, in UNIX seconds on Aircall's clock."""


MAX_FOR_TEAMS = 20_000
"""Calls in memory that are counted, but not yet for their teams. The others stay in the archive."""


MAX_STARTS = 100
"""How many of the latest starts of calls are loaded: some calls may have starts in the future."""


class QueueFullError(Exception):
    """Too many calls wait to be saved."""


CountStage = Literal["counted", "counted_for_teams", "ring_attempts"]
"""A call adds to the totals at several stages: by itself, for its teams once these are known, and its ring
attempts once its events are complete."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it was fetched last, and how its caller may be `shown`."""

    call: Call
    details: CallDetails
    shown: Caller


@dataclass(frozen=True, slots=True)
class Counting:
    """Which calls are counted. UNIX seconds on Aircall's clock; fixed at the first start of an exporter.

    A call counts if it started at `started_from` or later, or if it ended at `ended_from` or later: so calls
    in progress at the first start count too. Only data of the call decides, not when or how it was fetched.
    `certain` is whether Aircall's clock and the machine's agreed when this was decided. Archives of older
    exporters have no `ended_from`, and their decisions are not certain.
    """

    started_from: float
    ended_from: float | None = None
    certain: bool = False

    @classmethod
    def at(cls, server_now: float, activity_period: float, certain: bool) -> "Counting":
        """Return which calls count if the first start is at `server_now` (UNIX seconds, Aircall's clock).

        They include the whole second in which the activity period (seconds) begins.
        """
        return cls(math.floor(server_now - activity_period), math.floor(server_now), certain)

    def is_replaced_by(self, other: "Counting") -> bool:
        """Return whether a wrong clock made this decision, and `other` replaces it.

        If this one lies in the future of a later decision, a wrong clock made one of the two. This one is
        replaced only if both clocks agree now and did not agree then.
        """
        if self.certain or not other.certain or other.ended_from is None:
            return False
        return self.started_from > other.ended_from

    def includes(self, call: Call) -> bool:
        """Return whether a finished call is to be counted."""
        if call.started_at >= self.started_from:
            return True
        return self.ended_from is not None and (call.ended_at or 0) >= self.ended_from


@dataclass(frozen=True, slots=True)
class CountedCall:
    """What a finished call adds to the totals at one stage.

    The archive adds it once, and only if the call is to be counted.
    """

    call: Call
    stage: CountStage
    increments: tuple[tuple[Key, int], ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far fetching has got. Times are UNIX seconds on Aircall's clock."""

    covered: tuple[TimeRange, ...] = ()
    """The ranges whose calls have all been fetched."""
    wanted_from: int | None = None
    """The start of the range that is to be covered."""
    swept: tuple[int, ...] = ()
    """For each age of rechecks, the start up to which calls have been rechecked."""
    for_teams: bool = False
    """Whether the calls of the first fetch were counted for their teams, too."""


@dataclass
class Batch:
    """Data that is saved in one transaction."""

    records: dict[int, CallRecord] = field(default_factory=dict)
    counted_calls: list[CountedCall] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    deleted_ids: set[int] = field(default_factory=set)
    """Calls that were active when they were fetched last, and that Aircall no longer has."""
    progress: Checkpoint | None = None
    load: int = 0
    """Number of the load of the archive that this batch follows. Batches of earlier loads are not saved."""
    counting: Counting | None = None
    """Which calls are counted, as far as this exporter knows; the archive's own decision takes precedence."""
    user_series: SavedUserSeries | None = None
    """Which users have series of their own, if that has changed."""
    measured: dict[Key, int] = field(default_factory=dict)
    """Totals of observed time, which replace the archive's."""
    for_teams_requested: int = 0
    """How many calls that are not yet counted for their teams the save returns."""
    day_requested: int | None = None
    """The start (UNIX seconds, Aircall's clock) since which the save returns all done calls, or None."""
    call_backs: CallBackTask | None = None
    """By which rules call-backs are followed."""
    complete_to: int | None = None
    """The start (UNIX seconds, Aircall's clock) up to which no call of a caller is missing, or None."""
    teams: tuple[Team, ...] = ()
    """The current teams, by which those of calls that are not counted are inferred; empty if unknown."""
    steps: tuple[CallStep, ...] = ()
    times_in_state: dict[TimeKey, TimeInState] = field(default_factory=dict)

    def __bool__(self) -> bool:
        others = self.names or self.deleted_ids or self.progress or self.user_series is not None
        times = self.measured or self.times_in_state
        requests = self.for_teams_requested or self.day_requested is not None
        return bool(self.records or self.counted_calls or self.steps or times or others or requests)

    @property
    def ring_attempts(self) -> frozenset[int]:
        """The calls whose ring attempts the batch has."""
        return frozenset(added.call.id for added in self.counted_calls if added.stage == "ring_attempts")

    def add(self, later: "Batch") -> None:
        """Add a later batch."""
        self.records |= later.records
        self.counted_calls += later.counted_calls
        self.names |= later.names
        self.deleted_ids = (self.deleted_ids - later.records.keys()) | later.deleted_ids
        self.progress = later.progress or self.progress
        self.for_teams_requested = later.for_teams_requested or self.for_teams_requested
        self.day_requested = self.day_requested if later.day_requested is None else later.day_requested
        self.counting = later.counting or self.counting
        self.user_series = self.user_series if later.user_series is None else later.user_series
        self.measured |= later.measured
        self.call_backs = later.call_backs or self.call_backs
        self.complete_to = self.complete_to if later.complete_to is None else later.complete_to
        self.teams, self.steps = later.teams or self.teams, self.steps + later.steps
        self.times_in_state |= later.times_in_state

    def take(self, most: int) -> "Batch":
        """Remove and return the next part: up to `most` calls, and what these add to the totals.

        Only the last part has the checkpoint and the observed time.
        """
        if len(self.records) <= most:
            everything = replace(self)
            self.records, self.counted_calls, self.names = {}, [], {}
            self.deleted_ids, self.progress, self.counting, self.user_series = set(), None, None, None
            self.for_teams_requested, self.day_requested, self.measured = 0, None, {}
            self.complete_to, self.steps, self.times_in_state = None, (), {}
            return everything
        taken = {id_: self.records.pop(id_) for id_ in list(islice(self.records, most))}
        additions = [addition for addition in self.counted_calls if addition.call.id not in self.records]
        self.counted_calls = [addition for addition in self.counted_calls if addition.call.id in self.records]
        series, self.user_series = self.user_series, None  # before what is counted for these users
        return Batch(taken, additions, counting=self.counting, user_series=series, call_backs=self.call_backs)

    def split(self) -> tuple["Batch", "Batch"] | None:
        """Split the batch into two, in the order in which they are saved; None for less than two items.

        An item is a call with what it adds to the totals, a name, a step of a call, or a time in a state.
        """
        calls = list(dict.fromkeys((*self.records, *(addition.call.id for addition in self.counted_calls))))
        items = [*((id_, None) for id_ in calls), *((None, name) for name in self.names)]
        if len(items) < 2:
            return self._split_details(alone=not items)
        first, last = (self._with(half) for half in (items[: len(items) // 2], items[len(items) // 2 :]))
        return first, replace(
            last,
            deleted_ids=self.deleted_ids,
            progress=self.progress,
            measured=self.measured,
            for_teams_requested=self.for_teams_requested,
            day_requested=self.day_requested,
            complete_to=self.complete_to,
            teams=self.teams,
            steps=self.steps,
            times_in_state=self.times_in_state,
        )

    def _split_details(self, alone: bool) -> tuple["Batch", "Batch"] | None:
        """Split steps and times from the rest or, if `alone`, into two. Returns None if there are too few."""
        steps, times = self.steps, list(self.times_in_state.items())
        count = len(steps) + len(times)
        first = count // 2 if alone else count
        if not first:
            return None
        later = max(0, first - len(steps))
        return (
            Batch(load=self.load, steps=steps[:first], times_in_state=dict(times[:later])),
            replace(self, steps=steps[first:], times_in_state=dict(times[later:])),
        )

    def _with(self, items: list[tuple[int | None, tuple[str, str] | None]]) -> "Batch":
        calls, names = {id_ for id_, _ in items}, {name for _, name in items}
        return Batch(
            {id_: record for id_, record in self.records.items() if id_ in calls},
            [addition for addition in self.counted_calls if addition.call.id in calls],
            {key: name for key, name in self.names.items() if key in names},
            load=self.load,
            counting=self.counting,
            user_series=self.user_series,
            call_backs=self.call_backs,
        )


class DoneCalls(NamedTuple):
    """The done calls that began at `since` (UNIX seconds, Aircall's clock) or later.

    They are at most one more than `MAX_CALLS_TODAY`: then there may be others.
    """

    since: int
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class SaveResult:
    """The result of saving a batch.

    `additions` are those that had not been counted before. `totals` are the present values of all keys of the
    batch, also if an earlier attempt was saved without its result being known.
    """

    additions: tuple[CountedCall, ...]
    totals: Mapping[Key, int]
    uncounted_for_teams: tuple[Call, ...] | None = None
    """Calls that are not yet counted for their teams; None if the batch requested none."""
    ring_attempts: frozenset[int] = frozenset()
    """The calls of the batch whose ring attempts the archive has, also if it had them before."""
    of_day: DoneCalls | None = None
    """The calls of the day; None if the batch requested none."""
    call_backs: CallBackChanges | None = None
    """How the open missed calls have changed; None if they have not."""


@dataclass(frozen=True)
class LoadedState:
    """The state that the archive has at a start."""

    totals: Iterable[tuple[Key, int]] = ()
    progress: Checkpoint | None = None
    """None at the very first start."""
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Names by kind and id."""
    pending_team_counts: tuple[Call, ...] = ()
    """Calls that are counted, but not yet for their teams."""
    unfinished_ids: frozenset[int] = frozenset()
    """Ids of calls that were active when they were fetched last."""
    menus: Mapping[int, MenuTimes] = field(default_factory=dict)
    """What is known about the menus of these calls."""
    has_menus: bool = False
    """Whether it is known of any call when the caller left a menu."""
    purged_before: int = 0
    """Calls that started before this (UNIX seconds) were past their retention."""
    load: int = 0
    """Number of this load: 0 for the first, more after the archive was replaced."""
    counting: Counting | None = None
    """Which calls are counted; None before that was decided."""
    newest: tuple[int, ...] = ()
    """The latest starts of archived calls."""
    user_series: SavedUserSeries | None = None
    """Which users have series of their own; None if it was never saved."""
