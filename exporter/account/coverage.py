"""Track which calls of the past have been fetched, are required, or are to be fetched again.

A range is the first and the last second of a period of time (UNIX seconds, Aircall's clock). Calls belong to
the range of their start. Ranges in a tuple are in order and neither overlap nor touch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.account.records import MAX_STARTS, Checkpoint, TimeRange

RECHECK_AGE_FACTOR = 6
RECHECK_AGES_S = tuple(300 * RECHECK_AGE_FACTOR**step for step in range(5))
"""Ages in seconds at which calls are fetched again for late edits, from 5 minutes to 4.5 days."""

NEVER = 2**63


def merge(spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """Merge ranges that overlap or touch."""
    merged: list[TimeRange] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def subtract(span: TimeRange, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """Return the parts of `span` that are in none of the ordered `spans`."""
    first, last = span
    left = []
    for begin, end in spans:
        if begin > first:
            left.append((first, min(begin - 1, last)))
        first = max(first, end + 1)
    return tuple(span for span in (*left, (first, last)) if span[0] <= span[1])


def gaps(covered: tuple[TimeRange, ...], required_since: int | None) -> tuple[TimeRange, ...]:
    """Return the gaps before and between `covered` ranges, from `required_since` on."""
    if not covered or required_since is None:
        return ()
    return subtract((required_since, covered[-1][1]), covered)


@dataclass
class Coverage:
    """Which calls of the past have been fetched; empty until the archive's checkpoint is restored."""

    fetched: tuple[TimeRange, ...] = ()
    """Ranges in which all calls have been fetched at least once."""
    required_since: int | None = None
    """The second since which no call may be missing."""
    requested: tuple[TimeRange, ...] = ()
    """Ranges that a user requested in addition."""
    rechecked_until: tuple[int, ...] = ()
    """For each of `RECHECK_AGES_S`, the start up to which calls have been fetched again at that age."""
    newest: tuple[int, ...] = ()
    """The latest starts of fetched calls, in order; at most `MAX_STARTS`."""
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    """The progress of fetching as of the last batch that the archive accepted."""
    _retained_since: int = 0
    """The start before which calls are not retained."""
    _polled_since: int = 0
    """The start since which polls have missed no calls; `NEVER` if the current poll's calls were lost."""
    _polls: bool = False
    """Whether calls are polled. If so, calls that began after the last poll are left to the next one."""

    def mark_fetched(self, first: int, last: int) -> None:
        """Record that all calls that began from `first` to `last` have been fetched."""
        if first <= last:
            self.fetched = merge((*self.fetched, (first, last)))

    def add_starts(self, starts: Iterable[int]) -> None:
        """Record that calls that began at `starts` have been fetched."""
        self.newest = tuple(sorted({*self.newest, *starts})[-MAX_STARTS:])

    def begin_poll(self, since: int) -> None:
        """Record that a poll begins, of all calls that began at `since` or later."""
        self._polls = True
        self._polled_since = min(self._polled_since, since)

    def end_poll(self, first: int, last: int) -> None:
        """Record that the polls so far have fetched all calls that began from `first` to `last`."""
        self.mark_fetched(max(first, self._polled_since), last)

    def require_since(self, since: int) -> None:
        """Require all calls that began at `since` or later."""
        self.required_since = since if self.required_since is None else min(self.required_since, since)

    def restore(self, progress: Checkpoint, removed_to: int) -> None:
        """Continue from an earlier run, whose calls from before `removed_to` were deleted by retention."""
        self.fetched = merge((*self.fetched, *ranges_since(removed_to, progress.covered)))
        if progress.wanted_from is not None:
            self.require_since(max(progress.wanted_from, removed_to))
        self.rechecked_until = progress.swept
        self.checkpoint = progress

    def cut(self, now: int) -> None:
        """Remove coverage of the future, which was recorded while a clock was wrong.

        Only calls up to the newest known one have certainly been fetched, so later ones are fetched again.
        Calls dated in the future do not count as known. But if all of many are, the clock is behind.

        Args:
            now: The present time (UNIX seconds, Aircall's clock).
        """
        if self.fetched and self.fetched[-1][1] > now:
            is_behind = len(self.newest) == MAX_STARTS and self.newest[0] > now
            newest = now if is_behind else max((start for start in self.newest if start <= now), default=0)
            self.fetched = ranges_until(newest, self.fetched)
        self.rechecked_until = tuple(
            min(until, now - age) for until, age in zip(self.rechecked_until, RECHECK_AGES_S, strict=False)
        )

    def rollback(self) -> None:
        """Go back to the checkpoint: calls fetched since were not saved, and are fetched again."""
        self.fetched, self.rechecked_until = self.checkpoint.covered, self.checkpoint.swept
        self._polled_since = NEVER

    def is_fetched(self, start: int) -> bool:
        """Return whether the calls that began at `start` have been fetched."""
        return any(first <= start <= last for first, last in self.fetched)

    def prune(self, before: int) -> None:
        """Stop tracking calls that began before `before`, once all of them have been fetched and counted."""
        self._retained_since = max(self._retained_since, before)
        if self.required_since is None or subtract((self.required_since, before), self.fetched):
            return
        self.fetched = ranges_since(before, self.fetched)
        self.required_since = max(self.required_since, before)

    @property
    def gaps(self) -> tuple[TimeRange, ...]:
        """The required ranges before the last covered second that have not been fetched."""
        return gaps(self.fetched, self.required_since)

    @property
    def requested_gaps(self) -> tuple[TimeRange, ...]:
        """The ranges that a user requested and that have not been fetched."""
        requested = ranges_since(self._retained_since, self.requested)
        if self._polls:
            requested = ranges_until(self.fetched[-1][1] if self.fetched else 0, requested)
        return merge(gap for span in requested for gap in subtract(span, self.fetched))

    @property
    def seconds_missing(self) -> int:
        """Seconds of the past that are still to be fetched."""
        return sum(last - first + 1 for first, last in (*self.gaps, *self.requested_gaps))

    @property
    def complete_since(self) -> int | None:
        """The start since which all calls up to the last poll have been fetched."""
        return self.fetched[-1][0] if self.fetched else None

    def start_rechecks(self, now: int) -> None:
        """Begin to look for late edits from `now` on, unless that began earlier."""
        self.rechecked_until = self.rechecked_until or tuple(now - age for age in RECHECK_AGES_S)

    def next_recheck(self, now: int, oldest: int) -> tuple[int, TimeRange] | None:
        """Return the next range to fetch again for late edits, and the index of its age; None if none is due.

        A range is due once it is half as long as the age. Calls that have already reached the next age, after
        a long downtime, are left to that age.
        """
        for step, (age, until) in enumerate(zip(RECHECK_AGES_S, self.rechecked_until, strict=False)):
            first, last = max(until + 1, now - RECHECK_AGE_FACTOR * age, oldest), now - age
            if last - first >= age // 2:
                return step, (first, last)
        return None

    def mark_rechecked(self, step: int, last: int) -> None:
        """Record that calls up to the start `last` have been fetched again at the age with index `step`."""
        self.rechecked_until = (*self.rechecked_until[:step], last, *self.rechecked_until[step + 1 :])


def ranges_until(last: int, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """Return the parts of ranges up to `last`."""
    return tuple((begin, min(end, last)) for begin, end in spans if begin <= last)


def ranges_since(first: int, spans: Iterable[TimeRange]) -> tuple[TimeRange, ...]:
    """Return the parts of ranges from `first` on."""
    return tuple((max(begin, first), end) for begin, end in spans if end >= first)
