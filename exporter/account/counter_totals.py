"""Totals: the values of the counters, to which each finished call adds once.

A total is a whole number under a key: the family, then ids and other labels (an id is empty for a call
without user or number). Each total is a row in the archive.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from exporter.account.buckets import TALK_TIME_BUCKETS, bucket_label
from exporter.account.kpi_rules import is_abandoned
from exporter.account.period import NO_REASON
from exporter.aircall.models import Call

Key = tuple[str, ...]
Kind = Literal["user", "number", "team"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Subject = tuple[Kind, str]
"""The object that a total is counted for: the kind and the first id in the key, empty if there is none."""

_SUBJECTS: dict[str, Kind] = {
    "calls": "user",
    "user_answer_count": "user",
    "user_answer_sum": "user",
    "user_talk_count": "user",
    "user_talk_sum": "user",
    "missed_calls": "number",
    "answer_bucket": "number",
    "answer_sum": "number",
    "abandon_bucket": "number",
    "abandon_sum": "number",
    "talk_bucket": "number",
    "talk_sum": "number",
    "team_calls": "team",
    "team_answer_bucket": "team",
    "team_answer_sum": "team",
    "ring_attempts": "user",
    "hold_count": "user",
    "hold_sum": "user",
    "queue_bucket": "number",
    "queue_sum": "number",
    "call_backs": "number",
    "call_back_bucket": "number",
    "call_back_sum": "number",
}
"""The kind of object to which the first id in the keys of each family belongs."""

NOT_ARCHIVED = frozenset({"hold_count", "hold_sum", "queue_bucket", "queue_sum"})
"""Families that come from events and are not archived; they begin at 0 at each start."""

_SECONDS: dict[str, Callable[[Call], int]] = {
    "answer_bucket": lambda call: call.time_to_answer,
    "team_answer_bucket": lambda call: call.time_to_answer,
    "abandon_bucket": lambda call: call.wait,
    "talk_bucket": lambda call: call.talk_time,
}
"""The seconds of a call that each histogram of archived totals counts."""

OTHERS = "others"
"""Replaces the id of users, numbers and teams that have no series of their own."""


class Exemplar(NamedTuple):
    """The last call that fell into a bucket.

    It has no time, so Prometheus uses the time of the scrape. An older call would appear before its bucket.
    """

    call_id: str
    seconds: int


@dataclass
class Histogram:
    """A histogram of whole seconds: counts by upper bound (not cumulative), and the sum."""

    buckets: dict[float, int] = field(default_factory=dict)
    exemplars: dict[float, Exemplar] = field(default_factory=dict)
    sum: int = 0


@dataclass
class Summary:
    """A number of observations and their sum in whole seconds."""

    count: int = 0
    seconds: int = 0


def increments(call: Call, bounds: tuple[float, ...]) -> Iterator[tuple[Key, int]]:
    """Yield what a done call adds to totals. `bounds` are the buckets of the time to answer."""
    user = str(call.user.id) if call.user else ""
    number = str(call.number.id) if call.number else ""
    direction, outcome = call.direction, call.outcome
    yield ("calls", user, number, direction, outcome), 1
    if outcome == "missed":
        yield ("missed_calls", number, call.missed_call_reason or NO_REASON), 1
        if is_abandoned(call.missed_call_reason):
            yield ("abandon_bucket", number, bucket_label(call.wait, bounds)), 1
            yield ("abandon_sum", number), call.wait
    if outcome == "answered":
        talked = call.talk_time
        yield ("talk_bucket", number, direction, bucket_label(talked, TALK_TIME_BUCKETS)), 1
        yield ("talk_sum", number, direction), talked
        if user:
            yield ("user_talk_count", user, direction), 1
            yield ("user_talk_sum", user, direction), talked
    if outcome == "answered" and direction == "inbound":
        waited = call.time_to_answer
        yield ("answer_bucket", number, bucket_label(waited, bounds)), 1
        yield ("answer_sum", number), waited
        if user:
            yield ("user_answer_count", user), 1
            yield ("user_answer_sum", user), waited


def team_increments(
    call: Call, team_ids: Iterable[str], bounds: tuple[float, ...]
) -> Iterator[tuple[Key, int]]:
    """Yield what a done call adds to the totals of the teams that it concerns."""
    for team_id in team_ids:
        yield ("team_calls", team_id, call.direction, call.outcome), 1
        if call.outcome == "answered" and call.direction == "inbound":
            waited = call.time_to_answer
            yield ("team_answer_bucket", team_id, bucket_label(waited, bounds)), 1
            yield ("team_answer_sum", team_id), waited


def kind_of(key: Key) -> Kind | None:
    """Return the kind of the first id in a key, or None for a family of a newer exporter."""
    return _SUBJECTS.get(key[0])


class Totals:
    """All totals by subject, and the last call in each bucket."""

    def __init__(self, counts: Iterable[tuple[Key, int]] = ()) -> None:
        self._by_subject: dict[Subject, dict[Key, int]] = {}
        self._exemplars: dict[Key, Exemplar] = {}
        self.update(counts)

    def update(self, counts: Iterable[tuple[Key, int]]) -> set[Subject]:
        """Set these totals, and return their subjects."""
        subjects = set()
        for key, count in counts:
            if key[0] in _SUBJECTS:
                subject = _SUBJECTS[key[0]], key[1]
                totals = self._by_subject.setdefault(subject, {})
                if key in totals:
                    totals[key] = count
                else:
                    totals[tuple(map(sys.intern, key))] = count  # the same few words in all keys
                subjects.add(subject)
        return subjects

    def remove(self, subject: Subject) -> Mapping[Key, int]:
        """Remove a subject, and return its totals."""
        return self._by_subject.pop(subject, {})

    def record_exemplars(self, call: Call, added: Iterable[tuple[Key, int]]) -> None:
        """Make a call the exemplar of the buckets that it was added to."""
        for key, _ in added:
            if key[0] in _SECONDS:
                self._exemplars[key] = Exemplar(str(call.id), _SECONDS[key[0]](call))

    def subjects(self, kind: Kind) -> Iterator[str]:
        """Yield the ids of all users, numbers or teams with totals; empty for calls without one."""
        return (id_ for subject_kind, id_ in self._by_subject if subject_kind == kind)

    def of(self, subject: Subject, family: str) -> Iterator[tuple[Key, int]]:
        """Yield a subject's totals of one family, by the part of the key behind the id."""
        totals = self._by_subject.get(subject, {})
        return ((key[2:], count) for key, count in totals.items() if key[0] == family)

    def histograms(self, subject: Subject, name: str, bounds: tuple[float, ...]) -> dict[Key, Histogram]:
        """Return the histograms of `name`. Buckets that were counted under earlier bounds stay."""
        histograms: dict[Key, Histogram] = {}
        for (*rest, bound), count in self.of(subject, f"{name}_bucket"):
            histogram = histograms.setdefault(tuple(rest), Histogram(dict.fromkeys(bounds, 0)))
            histogram.buckets[float(bound)] = count
            exemplar = self._exemplars.get((f"{name}_bucket", subject[1], *rest, bound))
            if exemplar:
                histogram.exemplars[float(bound)] = exemplar
        for rest_, seconds in self.of(subject, f"{name}_sum"):
            histograms[rest_].sum = seconds
        return histograms

    def summaries(self, subject: Subject, name: str) -> dict[Key, Summary]:
        """Return the summaries of `name`."""
        counts = dict(self.of(subject, f"{name}_count"))
        return {rest: Summary(counts[rest], seconds) for rest, seconds in self.of(subject, f"{name}_sum")}
