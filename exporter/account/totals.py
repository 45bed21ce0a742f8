"""What only ever grows: each finished call counted once over all series of a counter."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.account.period import NO_REASON
from exporter.aircall.objects import Call


class Exemplar(NamedTuple):
    """The last call that fell into a bucket."""

    call_id: str
    seconds: int
    at: int


@dataclass
class Spread:
    """A histogram of whole seconds: how many fell into each bucket (by upper bound), and their sum."""

    bounds: tuple[float, ...]
    buckets: list[int] = field(default_factory=list)
    exemplars: dict[int, Exemplar] = field(default_factory=dict)
    sum: int = 0

    def __post_init__(self) -> None:
        self.buckets = self.buckets or [0] * (len(self.bounds) + 1)

    def observe(self, seconds: int, call: Call) -> None:
        bucket = bisect_left(self.bounds, seconds)
        self.buckets[bucket] += 1
        self.sum += seconds
        self.exemplars[bucket] = Exemplar(str(call.id), seconds, call.ended_at or call.started_at)


@dataclass
class Sum:
    """A number of observations and their sum in whole seconds."""

    count: int = 0
    seconds: int = 0

    def observe(self, seconds: int) -> None:
        self.count += 1
        self.seconds += seconds


TALK_BOUNDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Seconds: from a word to an hour."""


def answer_bounds(warning: float, critical: float) -> tuple[float, ...]:
    """Buckets for the time to answer: the queue's own thresholds among round seconds."""
    round_seconds = {2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0}
    return tuple(sorted(round_seconds | {float(warning), float(critical)} - {0.0}))


@dataclass
class Totals:
    """The counters, keyed by ids (none for a call without user or number)."""

    answer_bounds: tuple[float, ...]
    calls: Counter[tuple[int | None, int | None, str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    teams: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    number_answer: dict[int | None, Spread] = field(default_factory=dict)
    number_talk: dict[tuple[int | None, str], Spread] = field(default_factory=dict)
    user_answer: dict[int, Sum] = field(default_factory=dict)
    user_talk: dict[tuple[int, str], Sum] = field(default_factory=dict)

    def count(self, call: Call) -> None:
        """Count a call that is done, once."""
        user_id = call.user.id if call.user else None
        number_id = call.number.id if call.number else None
        self.calls[user_id, number_id, call.direction, call.outcome] += 1
        if call.outcome == "missed":
            self.missed[number_id, call.missed_call_reason or NO_REASON] += 1
        if call.outcome != "answered":
            return
        talk = self.number_talk.setdefault((number_id, call.direction), Spread(TALK_BOUNDS))
        talk.observe(call.seconds_talked, call)
        if user_id is not None:
            self.user_talk.setdefault((user_id, call.direction), Sum()).observe(call.seconds_talked)
        if call.direction == "inbound":
            answer = self.number_answer.setdefault(number_id, Spread(self.answer_bounds))
            answer.observe(call.seconds_to_answer, call)
            if user_id is not None:
                self.user_answer.setdefault(user_id, Sum()).observe(call.seconds_to_answer)

    def count_for_teams(self, call: Call, team_ids: Sequence[str]) -> None:
        """Count a call once for each of the teams that it concerns."""
        for team_id in team_ids:
            self.teams[team_id, call.direction, call.outcome] += 1
