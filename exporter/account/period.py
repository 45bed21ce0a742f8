"""The activity period: sums over done calls, by user and by number.

All sums are integers, so that adding and removing calls leaves no rounding errors. Averages and shares are
divided last, from the sums.
"""

from dataclasses import dataclass, field

from exporter.account.start_index import StartTimeIndex
from exporter.aircall.models import Call

NO_REASON = "unknown"
"""The missed reason of calls for which Aircall has none."""


@dataclass(slots=True)
class Tally:
    """Sums over done calls: counts and whole seconds."""

    inbound_answered: int = 0
    inbound_missed: int = 0
    outbound_answered: int = 0
    outbound_unanswered: int = 0
    answered_in_time: int = 0
    answer_seconds: int = 0
    call_seconds: int = 0

    def count(self, call: Call, in_time: float, sign: int = 1) -> None:
        """Add a call (`sign` 1) or remove it (`sign` -1).

        A call is answered in time if that took at most `in_time` seconds.
        """
        setattr(self, (kind := f"{call.direction}_{call.outcome}"), getattr(self, kind) + sign)
        if kind != "inbound_missed":
            self.call_seconds += sign * call.duration
        if kind == "inbound_answered":
            self.answer_seconds += sign * call.time_to_answer
            self.answered_in_time += sign * (call.time_to_answer <= in_time)

    def add(self, other: "Tally", sign: int = 1) -> None:
        """Add the sums of `other` (`sign` 1) or subtract them (`sign` -1)."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))

    @property
    def finished(self) -> int:
        """The number of finished calls."""
        return self.inbound_answered + self.inbound_missed + self.outbound_answered + self.outbound_unanswered

    @property
    def average_answer(self) -> float | None:
        """Average seconds to answer an inbound call, or None if no call was answered."""
        return self.answer_seconds / self.inbound_answered if self.inbound_answered else None

    @property
    def average_call(self) -> float | None:
        """Average seconds from start to end of calls that were not missed, or None without such calls."""
        calls = self.finished - self.inbound_missed
        return self.call_seconds / calls if calls else None

    def service_level(self, missed: int) -> float | None:
        """Return the share of inbound calls, including `missed` ones, that were answered in time.

        Returns None if there are no inbound calls.
        """
        inbound = self.inbound_answered + missed
        return self.answered_in_time / inbound if inbound else None


@dataclass
class Period:
    """The done calls whose `started_at` is in the period, and their sums.

    `in_time` is the service level's threshold in seconds. A call is subtracted again when it leaves the
    period, or when a changed version of it arrives.
    """

    in_time: float
    users: dict[int, Tally] = field(default_factory=dict)
    numbers: dict[int, Tally] = field(default_factory=dict)
    reasons: dict[int, dict[str, int]] = field(default_factory=dict)
    _calls: dict[int, Call] = field(default_factory=dict)
    _by_start: StartTimeIndex = field(default_factory=StartTimeIndex)

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, call: Call) -> Call | None:
        """Count a done call, or replace it by a new version. Returns the version counted before, or None."""
        known = self._calls.get(call.id)
        if known == call:
            return known
        if known is not None:
            self._count(known, -1)
        if known is None or known.started_at != call.started_at:
            self._by_start.add(call.started_at, call.id)
        self._calls[call.id] = call
        self._count(call, 1)
        return known

    def slide(self, start: float) -> list[Call]:
        """Remove and return the calls that started before `start` (UNIX seconds, Aircall's clock)."""
        removed = []
        for started_at, call_id in self._by_start.pop_before(start):
            call = self._calls.get(call_id)
            if call is not None and call.started_at == started_at:
                self._count(call, -1)
                del self._calls[call_id]
                removed.append(call)
        return removed

    def _count(self, call: Call, sign: int) -> None:
        if call.user is not None:
            self._count_for(self.users, call.user.id, call, sign)
        if call.number is not None:
            self._count_for(self.numbers, call.number.id, call, sign)
            if (call.direction, call.outcome) == ("inbound", "missed"):
                reasons = self.reasons.setdefault(call.number.id, {})
                reason = call.missed_call_reason or NO_REASON
                reasons[reason] = reasons.get(reason, 0) + sign

    def _count_for(self, tallies: dict[int, Tally], id_: int, call: Call, sign: int) -> None:
        tally = tallies.setdefault(id_, Tally())
        tally.count(call, self.in_time, sign)
        if not tally.finished:
            del tallies[id_]
