"""Store active calls until they end, and recent calls so that each is counted once."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.account.call_recheck import LONG_WAIT_S, SHARE_OF_AGE, Doubts, is_too_old, recheck_interval
from exporter.account.call_versions import latest_version
from exporter.account.current_calls import Talking
from exporter.account.start_index import StartTimeIndex
from exporter.account.unended import MIN_RECHECK_S, Unended
from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.models import Call

LATE_ARRIVAL_S = 60
"""Seconds after their start within which calls may appear in Aircall's list."""

POLL_OVERLAP_S = 15
"""Seconds before the newest known call that each poll fetches again; `LATE_ARRIVAL_S` if pages have room."""

CALL_RATE_WINDOW_S = 900
"""Seconds over which the rate of calls is measured."""

INITIAL_LOOKBACK_S = 2 * 3600
"""Seconds before the exporter's start in which active calls are searched."""

MAX_LONG_WAITS = 1
"""Additional requests of a poll for callers who have waited longer than `LONG_WAIT_S`."""

EVENT_REORDER_WINDOW_S = 3600.0
"""Seconds after an event about a call within which an older event may arrive."""

MAX_REQUESTS_PER_PASS = 20
"""Requests per pass for calls that may have ended. The next pass makes the remaining ones."""

HasHungUp = Callable[[Call, float], bool]
"""Returns whether a call's user was seen in no call since a given time (UNIX seconds, our clock)."""


@dataclass(frozen=True)
class CallsToFetch:
    """One poll of calls: all that started from `since` on (UNIX seconds), and some older ones by id."""

    since: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class CallBatch:
    """Active calls that one request returns because they began close together; the latest first."""

    calls: tuple[Call, ...]

    @property
    def since(self) -> int:
        """The earliest start of its calls (UNIX seconds, Aircall's clock)."""
        return self.calls[-1].started_at

    @property
    def until(self) -> int:
        """The latest start of its calls (UNIX seconds, Aircall's clock)."""
        return self.calls[0].started_at


class CallStore:
    """The newest version of every call of the last hours, by id."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.active: dict[int, float] = {}
        """When each call that is not done, or whose `ended_at` is awaited, was last fetched (our clock)."""
        self.latest_start: int | None = None
        """The latest start (UNIX seconds, Aircall's clock) up to which all calls have been fetched."""
        self.fetched_until: float | None = None
        """When the last complete poll began (UNIX seconds, Aircall's clock)."""
        self.complete_since = math.inf
        """The start (UNIX seconds, Aircall's clock) from which on no call is missing in the store."""
        self.recount_ids: set[int] = set()
        """Done calls that count as newly done when they are fetched again."""
        self.talking = Talking()
        """The users of the calls that are not done."""
        self.doubts = Doubts()
        """Which active calls seem to have ended."""
        self.unended = Unended()
        """Which calls are done but have no `ended_at` yet."""
        self._last_event_at: dict[int, float] = {}
        """When (UNIX seconds, Aircall's clock) the last event about each call arrived."""
        self._start_index = StartTimeIndex()

    def note_event(self, call_id: int, at: float) -> None:
        """Record that an event about a stored call arrived `at` (UNIX seconds, Aircall's clock)."""
        self._last_event_at[call_id] = max(at, self._last_event_at.get(call_id, at))

    def mark_fetched(self, since: int, begun: float) -> None:
        """Record that all calls from `since` to `begun` (UNIX seconds, Aircall's clock) have been fetched."""
        if self.latest_start is None or since > self.latest_start:
            self.complete_since = since
        self.fetched_until = begun
        self.latest_start = (
            self._start_index.latest_until(int(begun)) or self.latest_start
        )  # events report later ones

    def reset(self) -> None:
        """Have the next poll fetch the whole period again. The stored calls stay."""
        self.latest_start = self.fetched_until = None

    def count_done_again(self) -> None:
        """Have all done calls fetched again and counted as newly done."""
        self.recount_ids |= self.calls.keys() - self.active.keys()
        self.reset()

    def keep_live(self) -> None:
        """Remove the done calls, which are then fetched again as if for the first time."""
        self.calls = {call_id: self.calls[call_id] for call_id in self.active}
        self._last_event_at = {
            call_id: at for call_id, at in self._last_event_at.items() if call_id in self.active
        }
        self._start_index = StartTimeIndex()
        for call in self.calls.values():
            self._start_index.add(call.started_at, call.id)
        self.recount_ids.clear()
        self.complete_since = math.inf
        self.reset()

    def apply(self, call: Call, at: float, is_recent: bool = True) -> bool:
        """Store a call that was fetched `at` (our clock), and return whether it is newly done.

        A newer stored version is not replaced. The `ended_at` that a done call lacks is awaited if the call
        was active before or `is_recent`.
        """
        known = self.calls.get(call.id)
        done = call.phase == "done"
        at = max(at, self.active.get(call.id, at))
        was_open = call.id in self.active or known is None
        again = done and call.id in self.recount_ids
        if known is not None and not again and latest_version(known, call) != call:
            if call.id in self.active:
                self.active[call.id] = at
            return False
        if known is None or known.started_at != call.started_at:
            self._start_index.add(call.started_at, call.id)
        self.calls[call.id] = call
        self.talking.apply(call, at)
        self.recount_ids.discard(call.id)
        if not done:
            self.active[call.id] = at
            return False
        self.doubts.clear(call.id)
        if (call.id in self.active or (was_open and is_recent) or again) and self.unended.add(call, at):
            self.active[call.id] = at
            return False
        self.active.pop(call.id, None)
        has_end_now = call.ended_at is not None and known is not None and known.ended_at is None
        return was_open or again or has_end_now

    def remove(self, call_id: int) -> None:
        """Remove a call that no longer exists at Aircall."""
        self._last_event_at.pop(call_id, None)
        self.calls.pop(call_id, None)
        self.active.pop(call_id, None)
        self.talking.forget(call_id)
        self.doubts.clear(call_id)
        self.unended.forget(call_id)
        self.recount_ids.discard(call_id)

    def prune(self, before: float, now: float) -> None:
        """Remove the done calls that started before `before`, except those with recent events.

        `now` and `before` are UNIX seconds on Aircall's clock.
        """
        self.complete_since = max(self.complete_since, before)
        for started_at, call_id in self._start_index.pop_before(int(before)):
            call = self.calls.get(call_id)
            if call is None or call.started_at != started_at:
                continue
            if (
                call_id in self.active
                or now - self._last_event_at.get(call_id, -math.inf) < EVENT_REORDER_WINDOW_S
            ):
                self._start_index.add(started_at, call_id)
            else:
                self._last_event_at.pop(call_id, None)
                del self.calls[call_id]
                self.recount_ids.discard(call_id)

    def not_returned(self, since: int, before: float) -> list[int]:
        """Return the active calls that started since `since` and were last fetched before `before`.

        The pages of a poll from `since` on should have held them.
        """
        return [
            call_id
            for call_id, seen_at in self.active.items()
            if seen_at < before and self.calls[call_id].started_at >= since
        ]

    def active_calls(self) -> list[Call]:
        """Return the active calls."""
        return [self.calls[call_id] for call_id in self.active]

    def age(self, call: Call) -> float:
        """Return the seconds from the start of a call to the last complete poll."""
        return 0.0 if self.fetched_until is None else self.fetched_until - call.started_at

    def too_old(self) -> frozenset[int]:
        """Return the ids of active calls that began too long ago to be shown."""
        return frozenset(call.id for call in self.active_calls() if is_too_old(call, self.age(call)))

    def doubtful_calls(self, now: float) -> frozenset[int]:
        """Return the ids of active calls that are fetched rarely because they should have ended."""
        return frozenset(
            call.id
            for call in self.active_calls()
            if (call.waiting and self.age(call) > LONG_WAIT_S) or self.doubts.is_lasting(call.id, now)
        )

    def started_since(self, start: int) -> int:
        """Return how many of the stored calls started at `start` or later."""
        return self._start_index.count_since(start)

    @property
    def calls_per_second(self) -> float:
        """The recent rate at which calls begin; 0 before the first poll."""
        if self.fetched_until is None or self.fetched_until <= self.complete_since:
            return 0.0
        span = min(CALL_RATE_WINDOW_S, self.fetched_until - self.complete_since)
        return self.started_since(int(self.fetched_until - span)) / max(span, 60)

    def calls_to_fetch(
        self, earliest: int, server_now: float, now: float, hung_up: HasHungUp
    ) -> CallsToFetch:
        """Choose what the next poll fetches: new calls, and calls that were waiting.

        New calls are those since `latest_start`, but not before `earliest` (UNIX seconds, like `server_now`
        on Aircall's clock). An older waiting call is either reached by paging back to it or requested by id,
        whichever is cheaper. Calls that have waited for long are fetched ever more rarely, with one
        additional request per poll. If the pages have room left, they go back further, to calls that
        appeared late or may have ended.
        """
        if self.latest_start is None or self.fetched_until is None:
            return CallsToFetch(earliest, ())
        since = max(earliest, self.latest_start - POLL_OVERLAP_S)
        expected = upper_bound(self.calls_per_second * max(0.0, server_now - self.fetched_until))
        older = sorted(
            (call for call in self.active_calls() if call.waiting and call.started_at < since),
            key=lambda call: -call.started_at,
        )
        pages, choice = self._cheapest(since, expected, older, now)
        for start in (
            self.latest_start - LATE_ARRIVAL_S,
            *sorted(call.started_at for call in self.possibly_ended(now, hung_up))[::-1],
        ):
            if self.complete_since <= start < since and self._pages(start, expected) <= pages:
                since = start
        since = min(since, choice.since)
        return CallsToFetch(since, tuple(i for i in choice.ids if self.calls[i].started_at < since))

    def _cheapest(
        self, since: int, expected: float, waiting: list[Call], now: float
    ) -> tuple[int, CallsToFetch]:
        """Choose how to fetch the `waiting` calls, the latest first; return the number of pages, and what."""
        recent = [call for call in waiting if self.age(call) <= LONG_WAIT_S]
        overdue = {
            call.id: (now - self.active[call.id]) / (SHARE_OF_AGE * self.age(call))
            for call in waiting
            if self.age(call) > LONG_WAIT_S
        }
        long = sorted((call_id for call_id in overdue if overdue[call_id] >= 1), key=lambda i: -overdue[i])
        least = self._cheapest_of(since, expected, recent)
        all_due = self._cheapest_of(since, expected, [c for c in waiting if c in recent or c.id in long])
        if _cost(all_due) <= _cost(least) + MAX_LONG_WAITS:
            return all_due
        first = long[:MAX_LONG_WAITS]
        return self._cheapest_of(since, expected, [c for c in waiting if c in recent or c.id in first])

    def _cheapest_of(self, since: int, expected: float, waiting: list[Call]) -> tuple[int, CallsToFetch]:
        choices = [self._choice(since, expected, waiting)]
        for position, call in enumerate(waiting, 1):
            if call.started_at >= self.complete_since:
                choices.append(self._choice(call.started_at, expected, waiting[position:]))
        return min(choices, key=_cost)

    def _choice(self, since: int, expected: float, older: list[Call]) -> tuple[int, CallsToFetch]:
        """Return the number of pages, and what they and the requests by id fetch."""
        return self._pages(since, expected), CallsToFetch(since, tuple(call.id for call in older))

    def _pages(self, since: int, expected: float) -> int:
        return max(1, math.ceil((self.started_since(since) + expected) / PER_PAGE))

    def possibly_ended(self, now: float, hung_up: HasHungUp) -> list[Call]:
        """Return the active calls that may have ended and are due `now`, without waiting calls.

        These are calls whose user has `hung_up` (according to the availabilities) or has a newer call,
        outbound calls that ring, and calls that were not fetched for long.
        """
        latest = self.talking.current(self.active_calls())
        found = []
        for call_id, seen_at in self.active.items():
            call = self.calls[call_id]
            if call.waiting:
                continue
            if call_id in self.unended:
                if now - seen_at >= MIN_RECHECK_S:
                    found.append(call)
                continue
            goes_on = call.user is not None and latest.get(call.user.id) == call
            if goes_on and not hung_up(call, -math.inf):
                self.doubts.clear(call_id)
                due = now - seen_at >= recheck_interval(self.age(call))
            else:
                due = (not goes_on or hung_up(call, seen_at)) and self.doubts.is_due(
                    call_id, seen_at, self.age(call), now
                )
            if due:
                found.append(call)
        return found

    def outside_next_poll(self, calls: Iterable[Call], seconds: float) -> Iterator[Call]:
        """Yield the calls that are not on the first page of a poll `seconds` from now.

        Yields nothing during the first fetch, which includes all calls.
        """
        if self.latest_start is None:
            return
        expected = upper_bound(self.calls_per_second * seconds)
        for call in calls:
            if call.started_at < self.complete_since or self._pages(call.started_at, expected) > 1:
                yield call

    def batch_by_time(self, calls: Iterable[Call]) -> list[CallBatch]:
        """Group calls so that each group is fetched with one request, with as few requests as possible.

        The largest groups come first, and at most `MAX_REQUESTS_PER_PASS` groups are returned.
        """
        groups: list[list[Call]] = []
        for call in sorted(calls, key=lambda call: (-call.started_at, call.id)):
            known = call.started_at >= self.complete_since
            if known and groups and self._on_one_page(call, groups[-1][0]):
                groups[-1].append(call)
            else:
                groups.append([call])
        groups.sort(key=lambda group: (-len(group), min(self.active[call.id] for call in group)))
        return [CallBatch(tuple(group)) for group in groups[:MAX_REQUESTS_PER_PASS]]

    def _on_one_page(self, first: Call, last: Call) -> bool:
        between = self.started_since(first.started_at) - self.started_since(last.started_at + 1)
        return between <= PER_PAGE

    def not_refreshed(self, calls: Iterable[Call], since: float) -> list[int]:
        """Return the ids of those calls that are active and were last fetched before `since` (our clock)."""
        return [call.id for call in calls if self.active.get(call.id, since) < since]


def _cost(choice: tuple[int, CallsToFetch]) -> int:
    pages, to_read = choice
    return pages + len(to_read.ids)


def upper_bound(calls: float) -> float:
    """Return an upper bound (mean + 2 sigma, Poisson) for a number of calls with this mean."""
    return calls + 2 * math.sqrt(calls)
