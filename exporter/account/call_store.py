"""The calls: those going on now, followed by id to their end, and those of late, kept to be counted once."""

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
"""Seconds after their start within which calls may turn up."""

POLL_OVERLAP_S = 15
"""Seconds before the newest known call that are read again in any case; `LATE` where the pages have room."""

CALL_RATE_WINDOW_S = 900
"""Seconds over which it is counted how many calls there are."""

INITIAL_LOOKBACK_S = 2 * 3600
"""Seconds before the exporter's start in which calls that still go on are looked for."""

MAX_LONG_WAITS = 1
"""Requests of a poll for callers who have waited for long, besides those for all others."""

EVENT_REORDER_WINDOW_S = 3600.0
"""Seconds after an event about a call within which another may come that is older."""

MAX_REQUESTS_PER_PASS = 20
"""Requests for calls that may be over in one reading; the next one takes up what is left."""

HasHungUp = Callable[[Call, float], bool]
"""Whether the user of a call was seen out of any call since a given time (UNIX seconds, our clock)."""


@dataclass(frozen=True)
class CallsToFetch:
    """One poll of calls: all that started from `since` on (UNIX seconds), and these few older ones by id."""

    since: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class CallBatch:
    """Calls in progress that one request finds, as they began close together; the latest first."""

    calls: tuple[Call, ...]

    @property
    def since(self) -> int:
        return self.calls[-1].started_at

    @property
    def until(self) -> int:
        return self.calls[0].started_at


class CallStore:
    """Every call of the last hours in the newest version that was read, by id."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.active: dict[int, float] = {}
        """Ids of the calls that are not done, or whose end is waited for, with the time (our clock) at which
        each was last looked at."""
        self.latest_start: int | None = None
        """The newest start (UNIX seconds, Aircall's clock) up to which all calls have been read."""
        self.fetched_until: float | None = None
        """When the last reading that was complete began (UNIX seconds, Aircall's clock)."""
        self.complete_since = math.inf
        """The start (UNIX seconds, Aircall's clock) from which on no call is missing here."""
        self.recount_ids: set[int] = set()
        """Calls that are done, and are to be taken for newly done when they are read again."""
        self.talking = Talking()
        """Who talks in which of the calls that are not done."""
        self.doubts = Doubts()
        """Which of them seem to be over, and go on."""
        self.unended = Unended()
        """Which of them are done, but for their end."""
        self._last_event_at: dict[int, float] = {}
        """When (UNIX seconds, Aircall's clock) an event was last told of a call."""
        self._start_index = StartTimeIndex()

    def note_event(self, call_id: int, at: float) -> None:
        """An event has told of a call, which is known, `at` (UNIX seconds, Aircall's clock)."""
        self._last_event_at[call_id] = max(at, self._last_event_at.get(call_id, at))

    def mark_fetched(self, since: int, begun: float) -> None:
        """All calls from `since` up to `begun` (UNIX seconds, Aircall's clock) have been read."""
        if self.latest_start is None or since > self.latest_start:
            self.complete_since = since
        self.fetched_until = begun
        self.latest_start = (
            self._start_index.latest_until(int(begun)) or self.latest_start
        )  # events tell of later ones

    def reset(self) -> None:
        """Read everything from its beginning, without forgetting what is known."""
        self.latest_start = self.fetched_until = None

    def count_done_again(self) -> None:
        """Read the calls that are done again, and take them for newly done."""
        self.recount_ids |= self.calls.keys() - self.active.keys()
        self.reset()

    def keep_live(self) -> None:
        """Forget the calls that are done: they are read again as if for the first time."""
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
        """Take in a call as looked at `at` (our clock); return whether it is news that this call is done.

        If a newer version of it is known, that stays. The end of a call that is done is waited for if the
        call was in progress or `is_recent`.
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
        self.talking.saw(call, at)
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
        """Aircall knows this call no more."""
        self._last_event_at.pop(call_id, None)
        self.calls.pop(call_id, None)
        self.active.pop(call_id, None)
        self.talking.forget(call_id)
        self.doubts.clear(call_id)
        self.unended.forget(call_id)
        self.recount_ids.discard(call_id)

    def prune(self, before: float, now: float) -> None:
        """Let go of the finished calls that started before `before`, but for those of which events were told
        of late; `now` and `before` are UNIX seconds on Aircall's clock."""
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
        """Live calls that the pages from `since` on should have held, last seen before `before`."""
        return [
            call_id
            for call_id, seen_at in self.active.items()
            if seen_at < before and self.calls[call_id].started_at >= since
        ]

    def active_calls(self) -> list[Call]:
        return [self.calls[call_id] for call_id in self.active]

    def age(self, call: Call) -> float:
        """Return how many seconds before the last complete reading a call began."""
        return 0.0 if self.fetched_until is None else self.fetched_until - call.started_at

    def too_old(self) -> frozenset[int]:
        """Return the calls in progress that began so long ago that they are not shown any more."""
        return frozenset(call.id for call in self.active_calls() if is_too_old(call, self.age(call)))

    def doubtful_calls(self, now: float) -> frozenset[int]:
        """Return the calls in progress that are looked at rarely, because they should be over."""
        return frozenset(
            call.id
            for call in self.active_calls()
            if (call.waiting and self.age(call) > LONG_WAIT_S) or self.doubts.is_lasting(call.id, now)
        )

    def started_since(self, start: int) -> int:
        """How many of the calls known started at `start` or later."""
        return self._start_index.count_since(start)

    @property
    def calls_per_second(self) -> float:
        """How many calls begin in a second, of late; 0 before any were read."""
        if self.fetched_until is None or self.fetched_until <= self.complete_since:
            return 0.0
        span = min(CALL_RATE_WINDOW_S, self.fetched_until - self.complete_since)
        return self.started_since(int(self.fetched_until - span)) / max(span, 60)

    def calls_to_fetch(
        self, earliest: int, server_now: float, now: float, hung_up: HasHungUp
    ) -> CallsToFetch:
        """Choose what the next poll reads: new calls, and how it went on with the callers who waited.

        New calls are those since the newest one up to which all were read, and since `earliest` (UNIX
        seconds, as `server_now` on Aircall's clock). A waiting call older than these is either reached by
        paging back to it or asked for by its id, whichever is cheaper. Callers who have waited for long
        are looked at ever more rarely, and cost a poll one request more. If the pages then have room, they
        go back further, to calls that appeared late or may be over.
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
        """Choose how to look at the callers who are `waiting`, the latest first: how many pages, and what."""
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
        """How many pages are read, and what."""
        return self._pages(since, expected), CallsToFetch(since, tuple(call.id for call in older))

    def _pages(self, since: int, expected: float) -> int:
        return max(1, math.ceil((self.started_since(since) + expected) / PER_PAGE))

    def possibly_ended(self, now: float, hung_up: HasHungUp) -> list[Call]:
        """Return the calls that may be over and are to be looked at `now`, without callers who wait.

        Those are calls whose user has `hung_up` (as the availabilities say, which are read anyway) or talks
        in a newer call, outbound ones that ring, and those that were not looked at for long.
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
        """Those of the calls that a poll `seconds` from now does not read anyway, on its first page.

        None while everything is read for the first time.
        """
        if self.latest_start is None:
            return
        expected = upper_bound(self.calls_per_second * seconds)
        for call in calls:
            if call.started_at < self.complete_since or self._pages(call.started_at, expected) > 1:
                yield call

    def batch_by_time(self, calls: Iterable[Call]) -> list[CallBatch]:
        """These calls in as few groups as there need be requests to read them.

        The largest groups come first, so that most calls end for a request; of many, the last ones are left
        for later.
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
        """The ids of those calls that go on and were last looked at before `since` (our clock)."""
        return [call.id for call in calls if self.active.get(call.id, since) < since]


def _cost(choice: tuple[int, CallsToFetch]) -> int:
    pages, to_read = choice
    return pages + len(to_read.ids)


def upper_bound(calls: float) -> float:
    """How many calls there hardly are more than, where there are so many on average."""
    return calls + 2 * math.sqrt(calls)
