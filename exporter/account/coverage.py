"""What of the past has been read, what is still wanted, and what is to be read again.

A span is a stretch of time, its first and its last second, in UNIX seconds on Aircall's clock. Spans in a
tuple are in order and neither overlap nor touch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.archive.records import MAX_STARTS, Checkpoint, TimeRange

RECHECK_AGE_FACTOR = 6
RECHECK_AGES_S = tuple(300 * RECHECK_AGE_FACTOR**step for step in range(5))
"""Seconds after a call began at which it is read again, for late edits: five minutes, half an hour, and ever
more seldom, the last time after four and a half days."""

NEVER = 2**63


def merge(spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """The same time in as few spans as possible."""
    merged: list[TimeRange] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def subtract(wanted: TimeRange, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """What of `wanted` lies in none of the ordered `spans`."""
    first, last = wanted
    left = []
    for begin, end in spans:
        if begin > first:
            left.append((first, min(begin - 1, last)))
        first = max(first, end + 1)
    return tuple(span for span in (*left, (first, last)) if span[0] <= span[1])


def gaps(covered: tuple[TimeRange, ...], wanted_from: int | None) -> tuple[TimeRange, ...]:
    """What since `wanted_from` lies between or before what is `covered`."""
    return subtract((wanted_from, covered[-1][1]), covered) if covered and wanted_from is not None else ()


@dataclass
class Coverage:
    """Which calls of the past are known. Without an archive's memory, none is."""

    fetched: tuple[TimeRange, ...] = ()
    """When all calls began that have been read, each once at least."""
    required_since: int | None = None
    """The second since which no call may be missing."""
    requested: tuple[TimeRange, ...] = ()
    """What was asked for by hand besides."""
    rechecked_until: tuple[int, ...] = ()
    """For each of `AGES`, up to which start calls have been read again at that age."""
    newest: tuple[int, ...] = ()
    """The latest starts of calls that have been read, in order: `MAX_STARTS` at most."""
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    """How far reading had come with what the archive was last given."""
    _retained_since: int = 0
    """Calls that began before are kept no longer."""
    _polled_since: int = 0
    """The start since which polls of calls have missed nothing; `NEVER` while the present one has."""
    _polls: bool = False
    """Whether calls are polled: then what began after the last poll is left to the next one."""

    def mark_fetched(self, first: int, last: int) -> None:
        """All calls that began from `first` to `last` have been read."""
        if first <= last:
            self.fetched = merge((*self.fetched, (first, last)))

    def saw(self, starts: Iterable[int]) -> None:
        """Calls that began at `starts` have been read."""
        self.newest = tuple(sorted({*self.newest, *starts})[-MAX_STARTS:])

    def begin_poll(self, since: int) -> None:
        """A poll of calls begins, of all that began at `since` or later."""
        self._polls = True
        self._polled_since = min(self._polled_since, since)

    def end_poll(self, first: int, last: int) -> None:
        """With the polls before, it has read all calls that began from `first` to `last`."""
        self.mark_fetched(max(first, self._polled_since), last)

    def require_since(self, since: int) -> None:
        """No call that began at `since` or later may be missing."""
        self.required_since = since if self.required_since is None else min(self.required_since, since)

    def restore(self, progress: Checkpoint, removed_to: int) -> None:
        """Go on from an earlier run; calls that began before `removed_to` were read, and are kept no more."""
        self.fetched = merge((*self.fetched, *_since(removed_to, progress.covered)))
        if progress.wanted_from is not None:
            self.require_since(max(progress.wanted_from, removed_to))
        self.rechecked_until = progress.swept
        self.checkpoint = progress

    def cut(self, now: int) -> None:
        """Withdraw what was taken as read of the future, `now` being the present (UNIX seconds).

        It was noted while a clock was wrong. No later call than the newest one that is known has been read
        for certain, so what began after that is read again. Calls that are dated in the future do not count;
        but if all of many are, the clock is behind.
        """
        if self.fetched and self.fetched[-1][1] > now:
            is_behind = len(self.newest) == MAX_STARTS and self.newest[0] > now
            newest = now if is_behind else max((start for start in self.newest if start <= now), default=0)
            self.fetched = _until(newest, self.fetched)
        self.rechecked_until = tuple(
            min(swept, now - age) for swept, age in zip(self.rechecked_until, RECHECK_AGES_S, strict=False)
        )

    def rollback(self) -> None:
        """What was read since is not kept, and is to be read again."""
        self.fetched, self.rechecked_until = self.checkpoint.covered, self.checkpoint.swept
        self._polled_since = NEVER

    def is_fetched(self, start: int) -> bool:
        """Whether the calls that began at `start` have been read."""
        return any(first <= start <= last for first, last in self.fetched)

    def prune(self, before: int) -> None:
        """Calls that began before `before` are kept no longer, once they have all been read and counted."""
        self._retained_since = max(self._retained_since, before)
        if self.required_since is None or subtract((self.required_since, before), self.fetched):
            return
        self.fetched = _since(before, self.fetched)
        self.required_since = max(self.required_since, before)

    @property
    def gaps(self) -> tuple[TimeRange, ...]:
        """What is wanted, lies before the present and has not been read."""
        return gaps(self.fetched, self.required_since)

    @property
    def requested_gaps(self) -> tuple[TimeRange, ...]:
        """What was asked for by hand and has not been read."""
        wishes = _since(self._retained_since, self.requested)
        if self._polls:
            wishes = _until(self.fetched[-1][1] if self.fetched else 0, wishes)
        return merge(span for wish in wishes for span in subtract(wish, self.fetched))

    @property
    def seconds_missing(self) -> int:
        """How much of the past is still to be read."""
        return sum(last - first + 1 for first, last in (*self.gaps, *self.requested_gaps))

    @property
    def complete_since(self) -> int | None:
        """The start since which, up to the present, all calls have been read."""
        return self.fetched[-1][0] if self.fetched else None

    def start_rechecks(self, now: int) -> None:
        """Late edits are looked for from `now` on, where they have not been before."""
        self.rechecked_until = self.rechecked_until or tuple(now - age for age in RECHECK_AGES_S)

    def next_recheck(self, now: int, oldest: int) -> tuple[int, TimeRange] | None:
        """The next span to be read again for late edits, and which of `AGES` that is; none if none is due.

        A span is due once its calls are half as old again as the age. What a long absence left behind is
        left to the next age, where it is that old already.
        """
        for step, (age, swept) in enumerate(zip(RECHECK_AGES_S, self.rechecked_until, strict=False)):
            first, last = max(swept + 1, now - RECHECK_AGE_FACTOR * age, oldest), now - age
            if last - first >= age // 2:
                return step, (first, last)
        return None

    def mark_rechecked(self, step: int, last: int) -> None:
        """Calls up to the start `last` have been read again at an age."""
        self.rechecked_until = (*self.rechecked_until[:step], last, *self.rechecked_until[step + 1 :])


def _until(last: int, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    return tuple((begin, min(end, last)) for begin, end in spans if begin <= last)


def _since(first: int, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    return tuple((max(begin, first), end) for begin, end in spans if end >= first)
