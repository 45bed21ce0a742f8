"""What of the past has been read, what is still wanted, and what is to be read again.

A span is a stretch of time, its first and its last second, in UNIX seconds on Aircall's clock. Spans in a
tuple are in order and neither overlap nor touch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.archive.records import MOST_STARTS, Progress, Span

OLDER = 6
AGES = tuple(300 * OLDER**step for step in range(5))
"""Seconds after a call began at which it is read again, for late edits: five minutes, half an hour, and ever
more seldom, the last time after four and a half days."""

NEVER = 2**63


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in as few spans as possible."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def without(wanted: Span, spans: Iterable[Span]) -> tuple[Span, ...]:
    """What of `wanted` lies in none of the ordered `spans`."""
    first, last = wanted
    left = []
    for begin, end in spans:
        if begin > first:
            left.append((first, min(begin - 1, last)))
        first = max(first, end + 1)
    return tuple(span for span in (*left, (first, last)) if span[0] <= span[1])


def missing(covered: tuple[Span, ...], wanted_from: int | None) -> tuple[Span, ...]:
    """What since `wanted_from` lies between or before what is `covered`."""
    return without((wanted_from, covered[-1][1]), covered) if covered and wanted_from is not None else ()


@dataclass
class History:
    """Which calls of the past are known. Without an archive's memory, none is."""

    covered: tuple[Span, ...] = ()
    """When all calls began that have been read, each once at least."""
    wanted_from: int | None = None
    """The second since which no call may be missing."""
    wishes: tuple[Span, ...] = ()
    """What was asked for by hand besides."""
    swept: tuple[int, ...] = ()
    """For each of `AGES`, up to which start calls have been read again at that age."""
    newest: tuple[int, ...] = ()
    """The latest starts of calls that have been read, in order: `MOST_STARTS` at most."""
    kept: Progress = field(default_factory=Progress)
    """How far reading had come with what the archive was last given."""
    _kept_from: int = 0
    """Calls that began before are kept no longer."""
    _polled_from: int = 0
    """The start since which polls of calls have missed nothing; `NEVER` while the present one has."""
    _polls: bool = False
    """Whether calls are polled: then what began after the last poll is left to the next one."""

    def read(self, first: int, last: int) -> None:
        """All calls that began from `first` to `last` have been read."""
        if first <= last:
            self.covered = joined((*self.covered, (first, last)))

    def saw(self, starts: Iterable[int]) -> None:
        """Calls that began at `starts` have been read."""
        self.newest = tuple(sorted({*self.newest, *starts})[-MOST_STARTS:])

    def poll(self, since: int) -> None:
        """A poll of calls begins, of all that began at `since` or later."""
        self._polls = True
        self._polled_from = min(self._polled_from, since)

    def polled(self, first: int, last: int) -> None:
        """With the polls before, it has read all calls that began from `first` to `last`."""
        self.read(max(first, self._polled_from), last)

    def want(self, since: int) -> None:
        """No call that began at `since` or later may be missing."""
        self.wanted_from = since if self.wanted_from is None else min(self.wanted_from, since)

    def restore(self, progress: Progress, removed_to: int) -> None:
        """Go on from an earlier run; calls that began before `removed_to` were read, and are kept no more."""
        self.covered = joined((*self.covered, *_since(removed_to, progress.covered)))
        if progress.wanted_from is not None:
            self.want(max(progress.wanted_from, removed_to))
        self.swept = progress.swept
        self.kept = progress

    def cut(self, now: int) -> None:
        """Withdraw what was taken as read of the future, `now` being the present (UNIX seconds).

        It was noted while a clock was wrong. No later call than the newest one that is known has been read
        for certain, so what began after that is read again. Calls that are dated in the future do not count;
        but if all of many are, the clock is behind.
        """
        if self.covered and self.covered[-1][1] > now:
            is_behind = len(self.newest) == MOST_STARTS and self.newest[0] > now
            newest = now if is_behind else max((start for start in self.newest if start <= now), default=0)
            self.covered = _until(newest, self.covered)
        self.swept = tuple(min(swept, now - age) for swept, age in zip(self.swept, AGES, strict=False))

    def go_back(self) -> None:
        """What was read since is not kept, and is to be read again."""
        self.covered, self.swept = self.kept.covered, self.kept.swept
        self._polled_from = NEVER

    def has(self, start: int) -> bool:
        """Whether the calls that began at `start` have been read."""
        return any(first <= start <= last for first, last in self.covered)

    def forget(self, before: int) -> None:
        """Calls that began before `before` are kept no longer, once they have all been read and counted."""
        self._kept_from = max(self._kept_from, before)
        if self.wanted_from is None or without((self.wanted_from, before), self.covered):
            return
        self.covered = _since(before, self.covered)
        self.wanted_from = max(self.wanted_from, before)

    @property
    def missing(self) -> tuple[Span, ...]:
        """What is wanted, lies before the present and has not been read."""
        return missing(self.covered, self.wanted_from)

    @property
    def wished(self) -> tuple[Span, ...]:
        """What was asked for by hand and has not been read."""
        wishes = _since(self._kept_from, self.wishes)
        if self._polls:
            wishes = _until(self.covered[-1][1] if self.covered else 0, wishes)
        return joined(span for wish in wishes for span in without(wish, self.covered))

    @property
    def seconds_missing(self) -> int:
        """How much of the past is still to be read."""
        return sum(last - first + 1 for first, last in (*self.missing, *self.wished))

    @property
    def complete_from(self) -> int | None:
        """The start since which, up to the present, all calls have been read."""
        return self.covered[-1][0] if self.covered else None

    def sweep(self, now: int) -> None:
        """Late edits are looked for from `now` on, where they have not been before."""
        self.swept = self.swept or tuple(now - age for age in AGES)

    def edits(self, now: int, oldest: int) -> tuple[int, Span] | None:
        """The next span to be read again for late edits, and which of `AGES` that is; none if none is due.

        A span is due once its calls are half as old again as the age. What a long absence left behind is
        left to the next age, where it is that old already.
        """
        for step, (age, swept) in enumerate(zip(AGES, self.swept, strict=False)):
            first, last = max(swept + 1, now - OLDER * age, oldest), now - age
            if last - first >= age // 2:
                return step, (first, last)
        return None

    def edits_read(self, step: int, last: int) -> None:
        """Calls up to the start `last` have been read again at an age."""
        self.swept = (*self.swept[:step], last, *self.swept[step + 1 :])


def _until(last: int, spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple((begin, min(end, last)) for begin, end in spans if begin <= last)


def _since(first: int, spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple((max(begin, first), end) for begin, end in spans if end >= first)
