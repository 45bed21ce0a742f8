"""Objects whose requests fail although Aircall's lists can be fetched. They are requested ever more rarely.

An object is a call, a number, a user, or a range: a period of time (UNIX seconds, Aircall's clock) whose
calls cannot be listed. All other times are UNIX seconds on our clock.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal, get_args

from exporter.account.coverage import merge, subtract
from exporter.account.records import TimeRange

ObjectKind = Literal["call", "number", "user", "range"]
OBJECT_KINDS: tuple[ObjectKind, ...] = get_args(ObjectKind)

MIN_RETRY_S, MAX_RETRY_S = 60.0, 3600.0
"""Seconds between two requests for an object that is set aside."""


def retry_delay(failing: float) -> float:
    """Return the seconds to wait before an object is requested again that has been `failing` (seconds).

    Each wait is as long as all waits before it together, so waits double.
    """
    return min(MAX_RETRY_S, max(MIN_RETRY_S, failing))


@dataclass(frozen=True)
class _Failure:
    since: float
    retry_at: float
    problem: str
    aside: bool = True
    """Whether it is set aside. It is not after the first failure, which may be an accident."""


class SetAside:
    """The objects whose last request failed."""

    def __init__(self) -> None:
        self._objects: dict[tuple[ObjectKind, int], _Failure] = {}
        self._ranges: dict[TimeRange, _Failure] = {}

    # Single objects ------------------------------------------------------------------------------

    def failed(self, kind: ObjectKind, id_: int, problem: str, at: float) -> None:
        """Record that a request for an object, sent at `at`, failed."""
        known = self._objects.get((kind, id_))
        since = known.since if known else at
        retry_at = at + retry_delay(at - since) if known else at
        self._objects[kind, id_] = _Failure(since, retry_at, problem, aside=known is not None)

    def worked(self, kind: ObjectKind, id_: int) -> None:
        """Record that an object could be fetched. All others of its kind may be requested again at once."""
        failure = self._objects.pop((kind, id_), None)
        if failure is not None and failure.aside:
            for key, other in self._objects.items():
                if key[0] == kind:
                    self._objects[key] = replace(other, retry_at=0.0)

    def requestable(self, kind: ObjectKind, ids: Iterable[int], now: float) -> list[int]:
        """Return those of the objects that may be requested now, with those that failed before at the end."""
        found = [(self._objects.get((kind, id_)), id_) for id_ in ids]
        new = [id_ for failure, id_ in found if failure is None]
        return new + [id_ for failure, id_ in found if failure is not None and failure.retry_at <= now]

    def due(self, kind: ObjectKind, now: float) -> list[int]:
        """Return the failed objects of a kind that are to be requested again now."""
        return [id_ for (of, id_), failure in self._objects.items() if of == kind and failure.retry_at <= now]

    def failing(self, kind: ObjectKind) -> frozenset[int]:
        """Return the objects of a kind whose last request failed."""
        return frozenset(id_ for of, id_ in self._objects if of == kind)

    def keep(self, kind: ObjectKind, ids: Set[int]) -> None:
        """Remove all objects of a kind except these."""
        gone = [key for key in self._objects if key[0] == kind and key[1] not in ids]
        for key in gone:
            del self._objects[key]

    def lists_failed(self) -> None:
        """Remove objects that failed once: lists fail too, so the objects are not the cause."""
        self._objects = {key: failure for key, failure in self._objects.items() if failure.aside}

    # Ranges --------------------------------------------------------------------------------------

    def range_failed(self, span: TimeRange, problem: str, at: float) -> None:
        """Record that the calls of a range cannot be listed. Ranges that overlap or touch are merged."""
        since = at
        for other in list(self._ranges):
            if other[0] <= span[1] + 1 and span[0] <= other[1] + 1:
                since = min(since, self._ranges.pop(other).since)
                span = min(span[0], other[0]), max(span[1], other[1])
        self._ranges[span] = _Failure(since, at + retry_delay(at - since), problem)

    def range_worked(self, span: TimeRange) -> None:
        """Record that all calls of a range were fetched. All other ranges may be requested at once."""
        if not any(_overlap(other, span) for other in self._ranges):
            return
        self._ranges = {
            piece: replace(failure, retry_at=0.0)
            for other, failure in self._ranges.items()
            for piece in subtract(other, (span,))
        }

    def open_ranges(self, spans: Iterable[TimeRange], now: float) -> tuple[TimeRange, ...]:
        """Return the parts of these spans that may be fetched now, and the failed ranges that are due."""
        due = [span for span, failure in self._ranges.items() if failure.retry_at <= now]
        blocked = merge(span for span, failure in self._ranges.items() if failure.retry_at > now)
        return tuple(piece for span in merge((*spans, *due)) for piece in subtract(span, blocked))

    def without_ranges(self, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
        """Return the parts of these spans that are not set aside."""
        return tuple(piece for span in spans for piece in subtract(span, merge(self._ranges)))

    def last_failing_second(self, until: int) -> int:
        """Return the last second up to `until` whose calls cannot be listed, or 0."""
        return max((last for _, last in self._ranges if last <= until), default=0)

    def forget_ranges(self, before: int) -> tuple[TimeRange, ...]:
        """Remove and return the ranges that end before `before` (Aircall's clock)."""
        old = tuple(span for span in self._ranges if span[1] < before)
        for span in old:
            del self._ranges[span]
        return old

    def objects(self, kind: ObjectKind) -> frozenset[int]:
        """Return the objects of a kind that are set aside."""
        return frozenset(id_ for (of, id_), failure in self._objects.items() if of == kind and failure.aside)

    # Reporting -----------------------------------------------------------------------------------

    @property
    def counts(self) -> Mapping[ObjectKind, int]:
        """The number of objects that are set aside, by kind."""
        counts = dict.fromkeys(OBJECT_KINDS, 0)
        for (kind, _), failure in self._objects.items():
            counts[kind] += failure.aside
        return counts | {"range": len(self._ranges)}

    @property
    def problems(self) -> Mapping[ObjectKind, str]:
        """For each kind with objects that are set aside, the problem of one of them."""
        problems: dict[ObjectKind, str] = {
            kind: failure.problem for (kind, _), failure in self._objects.items() if failure.aside
        }
        for failure in self._ranges.values():
            problems["range"] = failure.problem
        return problems


def _overlap(one: TimeRange, other: TimeRange) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
