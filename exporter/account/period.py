"""The calls of a period: sums over done calls, by user and by number.

All sums are integers, so that adding and removing calls leaves no rounding errors. Averages and ratios are
divided last, from the sums.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from exporter.account.kpi_rules import ServiceRule, is_abandoned
from exporter.account.start_index import StartTimeIndex
from exporter.aircall.models import Call

PeriodName = Literal["recent", "today"]

NO_REASON = "unknown"
"""The missed reason of calls for which Aircall has none."""


@dataclass(slots=True)
class ServiceTally:
    """Sums over inbound calls by one rule of the service level: counts and whole seconds."""

    in_time: int = 0
    ignored: int = 0
    """Missed calls that do not count."""
    abandoned: int = 0
    abandon_seconds: int = 0

    def count(self, call: Call, rule: ServiceRule, sign: int) -> None:
        """Add a done inbound call (`sign` 1) or remove it (`sign` -1), unless an AI agent handled it."""
        if call.outcome == "ai_agent":
            return
        if call.outcome == "answered":
            self.in_time += sign * (call.time_to_answer <= rule.within)
        elif rule.ignores(call):
            self.ignored += sign
        elif is_abandoned(call.missed_call_reason):
            self.abandoned += sign
            self.abandon_seconds += sign * call.wait

    def add(self, other: "ServiceTally", sign: int = 1) -> None:
        """Add the sums of `other` (`sign` 1) or subtract them (`sign` -1)."""
        self.in_time += sign * other.in_time
        self.ignored += sign * other.ignored
        self.abandoned += sign * other.abandoned
        self.abandon_seconds += sign * other.abandon_seconds


@dataclass(slots=True)
class Tally:
    """Sums over done calls: counts and whole seconds. `services` has sums for each rule of service levels."""

    services: list[ServiceTally]
    inbound_answered: int = 0
    inbound_missed: int = 0
    inbound_ai_agent: int = 0
    outbound_answered: int = 0
    outbound_unanswered: int = 0
    answer_seconds: int = 0
    call_seconds: int = 0
    after_menu: int = 0
    """Answered inbound calls whose caller had left a menu."""

    @classmethod
    def empty(cls, rules: int) -> "Tally":
        """Return the sums over no calls, for this number of rules."""
        return cls([ServiceTally() for _ in range(rules)])

    def copied(self) -> "Tally":
        """Return a copy that does not change with the original."""
        copied = Tally.empty(len(self.services))
        copied.add(self)
        return copied

    def count(self, call: Call, rules: Sequence[ServiceRule], sign: int = 1) -> None:
        """Add a call (`sign` 1) or remove it (`sign` -1)."""
        setattr(self, (kind := f"{call.direction}_{call.outcome}"), getattr(self, kind) + sign)
        if kind not in ("inbound_missed", "inbound_ai_agent"):
            self.call_seconds += sign * call.duration
        if kind == "inbound_answered":
            self.answer_seconds += sign * call.time_to_answer
            self.after_menu += sign * (call.left_menu_at is not None)
        if call.direction == "inbound":
            for service, rule in zip(self.services, rules, strict=True):
                service.count(call, rule, sign)

    def add(self, other: "Tally", sign: int = 1) -> None:
        """Add the sums of `other` (`sign` 1) or subtract them (`sign` -1)."""
        for name in self.__slots__[1:]:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))
        for service, added in zip(self.services, other.services, strict=True):
            service.add(added, sign)

    @property
    def finished(self) -> int:
        """The number of finished calls."""
        return self.with_person + self.inbound_missed + self.inbound_ai_agent

    @property
    def with_person(self) -> int:
        """The number of finished calls that a user answered or made."""
        return self.inbound_answered + self.outbound_answered + self.outbound_unanswered

    @property
    def average_answer(self) -> float | None:
        """Average seconds to answer an inbound call, or None if no call was answered."""
        return _divided(self.answer_seconds, self.inbound_answered)

    @property
    def average_call(self) -> float | None:
        """Average seconds from start to end of calls that users answered or made, or None without any."""
        return _divided(self.call_seconds, self.with_person)


@dataclass(frozen=True, slots=True)
class InboundTally:
    """The inbound calls of a team or number, by its rule of the service level.

    Attributes:
        answered: Calls that were answered.
        missed: Missed calls, without those that the rule ignores.
        in_time: Calls that were answered in time.
        abandoned: Missed calls that the caller ended.
        abandon_seconds: The sum of their waits.
    """

    answered: int
    missed: int
    in_time: int
    abandoned: int
    abandon_seconds: int

    @classmethod
    def of(cls, answered: Tally, missed: Tally, position: int = 0) -> "InboundTally":
        """Return the inbound calls by one rule of service levels.

        Args:
            answered: The sums over the answered calls.
            missed: The sums over the missed calls.
            position: The position of the rule in the sums.
        """
        service = missed.services[position]
        return cls(
            answered=answered.inbound_answered,
            missed=missed.inbound_missed - service.ignored,
            in_time=answered.services[position].in_time,
            abandoned=service.abandoned,
            abandon_seconds=service.abandon_seconds,
        )

    @property
    def offered(self) -> int:
        """The number of calls that count."""
        return self.answered + self.missed

    @property
    def by_result(self) -> Mapping[str, int]:
        """The calls by result; each call has one."""
        return {
            "in_time": self.in_time,
            "late": self.answered - self.in_time,
            "abandoned": self.abandoned,
            "missed": self.missed - self.abandoned,
        }

    @property
    def service_level(self) -> float | None:
        """The ratio of calls that were answered in time, or None without calls."""
        return _divided(self.in_time, self.offered)

    @property
    def missed_ratio(self) -> float | None:
        """The ratio of missed calls, or None without calls."""
        return _divided(self.missed, self.offered)

    @property
    def abandoned_ratio(self) -> float | None:
        """The ratio of calls that the caller ended, or None without calls."""
        return _divided(self.abandoned, self.offered)

    @property
    def average_abandon(self) -> float | None:
        """Average seconds that callers waited before they gave up, or None if none did."""
        return _divided(self.abandon_seconds, self.abandoned)


class MissedSums(NamedTuple):
    """The missed calls on a number, by reason, and their sums by each rule of service levels."""

    by_reason: Mapping[str, int]
    sums: tuple[tuple[int, int, int], ...]


def _divided(sum_: int, count: int) -> float | None:
    return sum_ / count if count else None


@dataclass
class Period:
    """The done calls whose `started_at` is in the period, and their sums.

    `rules` are those of service levels; each tally has sums for each of them. A call is subtracted again when
    it leaves the period, or when a changed version of it arrives. That may have begun before the period.
    """

    rules: tuple[ServiceRule, ...]
    users: dict[int, Tally] = field(default_factory=dict)
    numbers: dict[int, Tally] = field(default_factory=dict)
    reasons: dict[int, dict[str, int]] = field(default_factory=dict)
    _calls: dict[int, Call] = field(default_factory=dict)
    _by_start: StartTimeIndex = field(default_factory=StartTimeIndex)

    def __post_init__(self) -> None:
        """Create the sums of users and numbers without calls."""
        self.nothing = Tally.empty(len(self.rules))

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, call: Call) -> Call | None:
        """Count a done call, or replace it by a new version. Returns the version counted before, or None."""
        known = self._calls.get(call.id)
        if known == call:
            return known
        self.remove(call.id)
        self._by_start.add(call.started_at, call.id)
        self._calls[call.id] = call
        self._count(call, 1)
        return known

    def remove(self, call_id: int) -> Call | None:
        """Remove a call that is no longer in the period. Returns the version that was counted, or None."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            self._by_start.remove(call.started_at, call_id)
            self._count(call, -1)
        return call

    def get(self, call_id: int) -> Call | None:
        """Return the version of a call that is counted, or None."""
        return self._calls.get(call_id)

    def slide(self, start: float) -> list[Call]:
        """Remove and return the calls that started before `start` (UNIX seconds, Aircall's clock)."""
        removed = []
        for _, call_id in self._by_start.pop_before(start):
            call = self._calls.pop(call_id)
            self._count(call, -1)
            removed.append(call)
        return removed

    def recounted(self, rules: tuple[ServiceRule, ...]) -> "Period":
        """Return a period with the same calls, counted by other rules."""
        period = Period(rules)
        for call in self._calls.values():
            period.put(call)
        return period

    def inbound(self, tally: Tally, numbers: Iterable[int], rule: ServiceRule) -> InboundTally:
        """Return the inbound calls of a team or number by one of the period's rules.

        Args:
            tally: The sums over its answered calls.
            numbers: The numbers whose missed calls are its missed calls.
            rule: The rule of its service level.
        """
        position = self.rules.index(rule)
        missed = Tally.empty(len(self.rules))
        for number_id in numbers:
            if number_id in self.numbers:
                missed.add(self.numbers[number_id])
        return InboundTally.of(tally, missed, position)

    def missed_sums(self, number_id: int) -> MissedSums:
        """Return the missed calls on a number."""
        services = self.numbers.get(number_id, self.nothing).services
        sums = tuple((each.ignored, each.abandoned, each.abandon_seconds) for each in services)
        return MissedSums(dict(self.reasons.get(number_id, {})), sums)

    def _count(self, call: Call, sign: int) -> None:
        if call.user is not None:
            self._count_for(self.users, call.user.id, call, sign)
        if call.number is not None:
            self._count_for(self.numbers, call.number.id, call, sign)
            if call.direction == "inbound" and call.outcome == "missed":
                reasons = self.reasons.setdefault(call.number.id, {})
                reason = call.missed_call_reason or NO_REASON
                reasons[reason] = reasons.get(reason, 0) + sign

    def _count_for(self, tallies: dict[int, Tally], id_: int, call: Call, sign: int) -> None:
        tally = tallies.get(id_)
        if tally is None:
            tally = tallies[id_] = Tally.empty(len(self.rules))
        tally.count(call, self.rules, sign)
        if not tally.finished:
            del tallies[id_]
