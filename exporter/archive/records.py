"""What goes into the archive, and what comes out of it at a start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from exporter.account.counter_totals import Key
from exporter.account.shares import Own
from exporter.aircall.models import Call, CallDetails
from exporter.config import Caller

UserStates = Mapping[int, tuple[str, float]]
"""By user id, his state and since when (UNIX seconds) he was seen in it."""

TimeRange = tuple[int, int]
"""A stretch of time: its first and its last second, in UNIX seconds on Aircall's clock."""


MAX_FOR_TEAMS = 20_000
"""Calls in memory that are counted, but not yet for their teams; the archive remembers the others."""


MAX_STARTS = 100
"""The latest starts of calls that are remembered; some calls may be dated in the future."""


class QueueFullError(Exception):
    """So many calls wait to be saved that no more are taken."""


CountStage = Literal["counted", "counted_for_teams"]
"""A call adds to the totals twice: by itself, and for its teams once they can be told."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it was read last, and how its caller may be `shown`."""

    call: Call
    details: CallDetails
    shown: Caller


@dataclass(frozen=True, slots=True)
class Counting:
    """Which calls are counted. UNIX seconds on Aircall's clock; fixed at the first start of an exporter.

    A call counts if it started at `started_from` or later, or if it ended at `ended_from` or later: so calls
    in progress at the first start count too. Only data of the call decides, not when or how it was read.
    `certain` is whether Aircall's clock and the machine's agreed when this was decided. Archives of older
    exporters have no `ended_from`, and nothing that was certain.
    """

    started_from: float
    ended_from: float | None = None
    certain: bool = False

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
    """How far reading has come. UNIX seconds on Aircall's clock.

    `covered` is when all calls began that have been read, `wanted_from` since when all of them should be;
    `swept` is for each age at which calls are read again up to which start they were. The totals begin
    with calls from `counted_from` on, none as long as nothing was counted. `for_teams` is whether the calls
    of the first reading were counted for their teams, too.
    """

    counted_from: float | None = None
    covered: tuple[TimeRange, ...] = ()
    wanted_from: int | None = None
    swept: tuple[int, ...] = ()
    for_teams: bool = False


@dataclass
class Batch:
    """What is to be saved together: all of it or nothing."""

    records: dict[int, CallRecord] = field(default_factory=dict)
    counted_calls: list[CountedCall] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    deleted_ids: set[int] = field(default_factory=set)
    """Calls that went on when they were read last, and that Aircall knows no more."""
    progress: Checkpoint | None = None
    load: int = 0
    """Which loading of the archive it follows; what followed an earlier one is saved no more."""
    counting: Counting | None = None
    """Which calls are counted, as far as this exporter knows; the archive's own decision takes precedence."""
    own: Own | None = None
    """Who has series of their own, if that has changed."""
    for_teams_wanted: int = 0
    """How many calls that are not counted for their teams yet are to come back once it is saved."""

    def __bool__(self) -> bool:
        said = self.names or self.deleted_ids or self.progress or self.own is not None
        return bool(self.records or self.counted_calls or said or self.for_teams_wanted)

    def add(self, later: "Batch") -> None:
        """Take in what came later."""
        self.records |= later.records
        self.counted_calls += later.counted_calls
        self.names |= later.names
        self.deleted_ids = (self.deleted_ids - later.records.keys()) | later.deleted_ids
        self.progress = later.progress or self.progress
        self.for_teams_wanted = later.for_teams_wanted or self.for_teams_wanted
        self.counting = later.counting or self.counting
        self.own = self.own if later.own is None else later.own

    def take(self, most: int) -> "Batch":
        """Take out what is to be saved next: `most` calls, and what these add to the totals.

        How far reading has come is said by the last piece, once all that was read is in.
        """
        if len(self.records) <= most:
            everything = replace(self)
            self.records, self.counted_calls, self.names = {}, [], {}
            self.deleted_ids, self.progress, self.counting, self.own = set(), None, None, None
            self.for_teams_wanted = 0
            return everything
        taken = {id_: self.records.pop(id_) for id_ in list(islice(self.records, most))}
        additions = [addition for addition in self.counted_calls if addition.call.id not in self.records]
        self.counted_calls = [addition for addition in self.counted_calls if addition.call.id in self.records]
        own, self.own = self.own, None  # before what is counted for these users
        return Batch(taken, additions, counting=self.counting, own=own)

    def apart(self) -> tuple["Batch", "Batch"] | None:
        """Divide it into two, in the order in which they are to be saved; none if it has one item or none.

        An item is a call with what it adds to the totals, or a name.
        """
        calls = list(dict.fromkeys((*self.records, *(addition.call.id for addition in self.counted_calls))))
        items = [*((id_, None) for id_ in calls), *((None, name) for name in self.names)]
        if len(items) < 2:
            return None
        first, last = (self._with(half) for half in (items[: len(items) // 2], items[len(items) // 2 :]))
        wanted = self.for_teams_wanted
        return first, replace(
            last, deleted_ids=self.deleted_ids, progress=self.progress, for_teams_wanted=wanted
        )

    def _with(self, items: list[tuple[int | None, tuple[str, str] | None]]) -> "Batch":
        calls, names = {id_ for id_, _ in items}, {name for _, name in items}
        return Batch(
            {id_: record for id_, record in self.records.items() if id_ in calls},
            [addition for addition in self.counted_calls if addition.call.id in calls],
            {name: said for name, said in self.names.items() if name in names},
            load=self.load,
            counting=self.counting,
            own=self.own,
        )


@dataclass(frozen=True)
class SaveResult:
    """What saving a batch came to.

    The additions that had not been counted before, and the totals as they are now of everything that the
    batch could add to: also where an earlier try had worked and could not tell.
    """

    additions: tuple[CountedCall, ...]
    totals: Mapping[Key, int]
    uncounted_for_teams: tuple[Call, ...] | None = None
    """The calls that the batch wanted back; none if it wanted none."""


@dataclass(frozen=True)
class LoadedState:
    """What the archive remembers at a start.

    The totals, the progress (none at the very first start), names by kind and id, the calls that are
    counted but not yet for their teams, and the ids of those that went on when they were read last;
    `removed_to` is up to which start (UNIX seconds) calls were past their retention. `counting` is which
    calls are counted, none before that was decided. `newest` are the latest starts of calls that are kept.
    """

    totals: Iterable[tuple[Key, int]] = ()
    progress: Checkpoint | None = None
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    pending_team_counts: tuple[Call, ...] = ()
    unfinished_ids: frozenset[int] = frozenset()
    purged_before: int = 0
    load: int = 0
    """Which loading of the archive this is: the first, or one after it was replaced."""
    counting: Counting | None = None
    newest: tuple[int, ...] = ()
    own: Own | None = None
    """Who has series of their own; None if it was never saved."""
