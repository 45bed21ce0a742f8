"""What only ever grows: each finished call counted once over all series of a counter.

A total is a whole number under a key: the family, then the ids that it is counted for (empty for a call
without user or number). So totals add up, whatever they count, and are kept as rows.
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from exporter.account.period import NO_REASON
from exporter.aircall.models import Call

Key = tuple[str, ...]
Kind = Literal["user", "number", "team"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Subject = tuple[Kind, str]
"""Whom a total is counted for: the first id in its key, empty for nobody."""

_SUBJECTS: dict[str, Kind] = {
    "calls": "user",
    "user_answer_count": "user",
    "user_answer_sum": "user",
    "user_talk_count": "user",
    "user_talk_sum": "user",
    "missed_calls": "number",
    "answer_bucket": "number",
    "answer_sum": "number",
    "talk_bucket": "number",
    "talk_sum": "number",
    "team_calls": "team",
    "declined": "user",
    "hold_count": "user",
    "hold_sum": "user",
    "queue_bucket": "number",
    "queue_sum": "number",
}
"""What the first id of each family is."""

NOT_KEPT = frozenset({"declined", "hold_count", "hold_sum", "queue_bucket", "queue_sum"})
"""The families that events report; they begin at 0 at each start."""

OTHERS = "others"
"""In place of the id of a user, number or team: all that have no series of their own."""


class Exemplar(NamedTuple):
    """The last call that fell into a bucket; `at` is UNIX seconds."""

    call_id: str
    seconds: int
    at: int


@dataclass
class Histogram:
    """A histogram of whole seconds: how many fell into each bucket, by upper bound, and their sum."""

    buckets: dict[float, int] = field(default_factory=dict)
    exemplars: dict[float, Exemplar] = field(default_factory=dict)
    sum: int = 0


@dataclass
class Summary:
    """A number of observations and their sum in whole seconds."""

    count: int = 0
    seconds: int = 0


TALK_TIME_BUCKETS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, math.inf)
"""Seconds: from a word to an hour."""


def answer_time_buckets(warning: float, critical: float) -> tuple[float, ...]:
    """Buckets for the time to answer: the queue's own thresholds among round seconds."""
    round_seconds = {2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, math.inf}
    return tuple(sorted(round_seconds | {float(warning), float(critical)} - {0.0}))


def increments(call: Call, bounds: tuple[float, ...]) -> Iterator[tuple[Key, int]]:
    """What a call that is done adds; `bounds` are the buckets of the time to answer."""
    user = str(call.user.id) if call.user else ""
    number = str(call.number.id) if call.number else ""
    way, outcome = call.direction, call.outcome
    yield ("calls", user, number, way, outcome), 1
    if outcome == "missed":
        yield ("missed_calls", number, call.missed_call_reason or NO_REASON), 1
    if outcome == "answered":
        talked = call.talk_time
        yield ("talk_bucket", number, way, bucket_label(talked, TALK_TIME_BUCKETS)), 1
        yield ("talk_sum", number, way), talked
        if user:
            yield ("user_talk_count", user, way), 1
            yield ("user_talk_sum", user, way), talked
    if outcome == "answered" and way == "inbound":
        waited = call.time_to_answer
        yield ("answer_bucket", number, bucket_label(waited, bounds)), 1
        yield ("answer_sum", number), waited
        if user:
            yield ("user_answer_count", user), 1
            yield ("user_answer_sum", user), waited


def team_increments(call: Call, team_ids: Iterable[str]) -> Iterator[tuple[Key, int]]:
    """What a call that is done adds to the teams that it concerns."""
    for team_id in team_ids:
        yield ("team_calls", team_id, call.direction, call.outcome), 1


def bucket_label(seconds: int, bounds: tuple[float, ...]) -> str:
    """The upper bound of the bucket that so many seconds fall into, as keys have it."""
    return repr(bounds[bisect_left(bounds, seconds)])


def kind_of(key: Key) -> Kind | None:
    """Return whose id is the first one in a key; None for a family of a newer exporter."""
    return _SUBJECTS.get(key[0])


class Totals:
    """All totals by whom they are counted for, and the last call that fell into each bucket."""

    def __init__(self, counts: Iterable[tuple[Key, int]] = ()) -> None:
        self._owned: dict[Subject, dict[Key, int]] = {}
        self._exemplars: dict[Key, Exemplar] = {}
        self.update(counts)

    def update(self, counts: Iterable[tuple[Key, int]]) -> set[Subject]:
        """Take over what these totals are now; gives whom they are counted for."""
        owners = set()
        for key, count in counts:
            if key[0] in _SUBJECTS:
                owner = _SUBJECTS[key[0]], key[1]
                owned = self._owned.setdefault(owner, {})
                if key in owned:
                    owned[key] = count
                else:
                    owned[tuple(map(sys.intern, key))] = count  # a few words, in ten thousands of keys
                owners.add(owner)
        return owners

    def record_exemplars(self, call: Call, added: Iterable[tuple[Key, int]]) -> None:
        """Let a call stand for the buckets that it was added to."""
        for key, _ in added:
            if key[0] in ("answer_bucket", "talk_bucket"):
                seconds = call.time_to_answer if key[0] == "answer_bucket" else call.talk_time
                self._exemplars[key] = Exemplar(str(call.id), seconds, call.ended_at or call.started_at)

    def subjects(self, kind: Kind) -> Iterator[str]:
        """The ids of all users, numbers or teams that something was counted for; empty for nobody."""
        return (id_ for owner_kind, id_ in self._owned if owner_kind == kind)

    def of(self, owner: Subject, family: str) -> Iterator[tuple[Key, int]]:
        """An owner's totals of one family, by what stands behind the id in their keys."""
        return ((key[2:], count) for key, count in self._owned.get(owner, {}).items() if key[0] == family)

    def histograms(self, owner: Subject, name: str, bounds: tuple[float, ...]) -> dict[Key, Histogram]:
        """The histograms under `name`. Buckets that were counted under earlier bounds stay."""
        spreads: dict[Key, Histogram] = {}
        for (*rest, bound), count in self.of(owner, f"{name}_bucket"):
            spread = spreads.setdefault(tuple(rest), Histogram(dict.fromkeys(bounds, 0)))
            spread.buckets[float(bound)] = count
            exemplar = self._exemplars.get((f"{name}_bucket", owner[1], *rest, bound))
            if exemplar:
                spread.exemplars[float(bound)] = exemplar
        for rest_, seconds in self.of(owner, f"{name}_sum"):
            spreads[rest_].sum = seconds
        return spreads

    def summaries(self, owner: Subject, name: str) -> dict[Key, Summary]:
        """The sums under `name`."""
        counts = dict(self.of(owner, f"{name}_count"))
        return {rest: Summary(counts[rest], seconds) for rest, seconds in self.of(owner, f"{name}_sum")}
