"""Objects whose requests fail although Aircall's lists can be read: they are asked for ever more rarely.

An object is a call, a number, a user, or a range: a stretch of time (UNIX seconds, Aircall's clock) whose
calls cannot be listed. All other times are UNIX seconds on our clock.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal, get_args

from exporter.account.coverage import merge, subtract
from exporter.archive.records import TimeRange

ObjectKind = Literal["call", "number", "user", "range"]
OBJECT_KINDS: tuple[ObjectKind, ...] = get_args(ObjectKind)

MIN_RETRY_S, MAX_RETRY_S = 60.0, 3600.0
"""Seconds between two requests for an object that is set aside."""


def retry_delay(failing: float) -> float:
    """Seconds until an object that has been `failing` for so many seconds is asked for again.

    Each wait is as long as all waits before it together, so waits double.
    """
    return min(MAX_RETRY_S, max(MIN_RETRY_S, failing))


@dataclass(frozen=True)
class _Failure:
    since: float
    retry_at: float
    problem: str
    aside: bool = True
    """False after the first failure, which may be an accident: the next reading asks again."""


class SetAside:
    """The objects that failed when they were asked for last."""

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
        """Record that an object could be read. All others of its kind may be asked for again at once."""
        failure = self._objects.pop((kind, id_), None)
        if failure is not None and failure.aside:
            for key, other in self._objects.items():
                if key[0] == kind:
                    self._objects[key] = replace(other, retry_at=0.0)

    def askable(self, kind: ObjectKind, ids: Iterable[int], now: float) -> list[int]:
        """Return those of the objects that may be asked for now, the ones that failed before last."""
        found = [(self._objects.get((kind, id_)), id_) for id_ in ids]
        new = [id_ for failure, id_ in found if failure is None]
        return new + [id_ for failure, id_ in found if failure is not None and failure.retry_at <= now]

    def due(self, kind: ObjectKind, now: float) -> list[int]:
        """Return the objects of a kind that failed before and are to be asked for again now."""
        return [id_ for (of, id_), failure in self._objects.items() if of == kind and failure.retry_at <= now]

    def failing(self, kind: ObjectKind) -> frozenset[int]:
        """Return the objects of a kind that failed when they were asked for last."""
        return frozenset(id_ for of, id_ in self._objects if of == kind)

    def keep(self, kind: ObjectKind, ids: Set[int]) -> None:
        """Forget all objects of a kind but these."""
        gone = [key for key in self._objects if key[0] == kind and key[1] not in ids]
        for key in gone:
            del self._objects[key]

    def lists_failed(self) -> None:
        """Forget what failed once: Aircall's lists fail too, so the fault is not the object's."""
        self._objects = {key: failure for key, failure in self._objects.items() if failure.aside}

    # Ranges --------------------------------------------------------------------------------------

    def range_failed(self, span: TimeRange, problem: str, at: float) -> None:
        """Record that the calls of a range cannot be listed; ranges that touch become one."""
        since = at
        for other in list(self._ranges):
            if other[0] <= span[1] + 1 and span[0] <= other[1] + 1:
                since = min(since, self._ranges.pop(other).since)
                span = min(span[0], other[0]), max(span[1], other[1])
        self._ranges[span] = _Failure(since, at + retry_delay(at - since), problem)

    def range_worked(self, span: TimeRange) -> None:
        """Record that all calls of a range have been read. All other ranges may be asked for at once."""
        if not any(_overlap(other, span) for other in self._ranges):
            return
        self._ranges = {
            piece: replace(failure, retry_at=0.0)
            for other, failure in self._ranges.items()
            for piece in subtract(other, (span,))
        }

    def open_ranges(self, spans: Iterable[TimeRange], now: float) -> tuple[TimeRange, ...]:
        """Return what may be read now of these spans, and the ranges that are to be tried again now."""
        due = [span for span, failure in self._ranges.items() if failure.retry_at <= now]
        blocked = merge(span for span, failure in self._ranges.items() if failure.retry_at > now)
        return tuple(piece for span in merge((*spans, *due)) for piece in subtract(span, blocked))

    def without_ranges(self, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
        """Return what of these spans is not set aside."""
        return tuple(piece for span in spans for piece in subtract(span, merge(self._ranges)))

    def last_failing_second(self, until: int) -> int:
        """Return the last second up to `until` whose calls cannot be listed, 0 if there is none."""
        return max((last for _, last in self._ranges if last <= until), default=0)

    def forget_ranges(self, before: int) -> tuple[TimeRange, ...]:
        """Give up the ranges that end before `before` (Aircall's clock), and return them."""
        old = tuple(span for span in self._ranges if span[1] < before)
        for span in old:
            del self._ranges[span]
        return old

    def objects(self, kind: ObjectKind) -> frozenset[int]:
        """Return the objects of a kind that are set aside."""
        return frozenset(id_ for (of, id_), failure in self._objects.items() if of == kind and failure.aside)

    # What to say of it ---------------------------------------------------------------------------

    @property
    def counts(self) -> Mapping[ObjectKind, int]:
        """How many objects of each kind are set aside."""
        counts = dict.fromkeys(OBJECT_KINDS, 0)
        for (kind, _), failure in self._objects.items():
            counts[kind] += failure.aside
        return counts | {"range": len(self._ranges)}

    @property
    def problems(self) -> Mapping[ObjectKind, str]:
        """For each kind of which objects are set aside, why one of them was."""
        problems: dict[ObjectKind, str] = {
            kind: failure.problem for (kind, _), failure in self._objects.items() if failure.aside
        }
        for failure in self._ranges.values():
            problems["range"] = failure.problem
        return problems


def _overlap(one: TimeRange, other: TimeRange) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
