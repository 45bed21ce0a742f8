"""Store active calls until they end, and recent calls so that each is counted once."""

import math
from collections.abc import Iterable

from exporter.account.call_recheck import LONG_WAIT_S, Doubts, is_too_old
from exporter.account.call_versions import latest_version
from exporter.account.current_calls import Talking
from exporter.account.start_index import StartTimeIndex
from exporter.account.unended import Unended
from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.models import Call

LATE_ARRIVAL_S = 60
"""Seconds after their start within which calls may appear in Aircall's list."""

CALL_RATE_WINDOW_S = 900
"""Seconds over which the rate of calls is measured."""

INITIAL_LOOKBACK_S = 2 * 3600
"""Seconds before the exporter's start in which active calls are searched."""

EVENT_REORDER_WINDOW_S = 3600.0
"""Seconds after an event about a call within which an older event may arrive."""


class CallStore:
    """The newest version of every call of the last hours, by id."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.active: dict[int, float] = {}
        """When each call that is not done, or that lacks data, was last reported (our clock)."""
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

    def apply(self, call: Call, at: float, is_recent: bool = True, is_complete: bool = True) -> bool:
        """Store a call that was fetched `at` (our clock), and return whether it is newly done.

        A newer stored version is not replaced. The `ended_at` that a done call lacks is awaited if the call
        was active before or `is_recent`. A done call that is not yet `is_complete` is to be fetched.
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
        awaits_end = call.id in self.active or (was_open and is_recent) or again
        if (awaits_end and self.unended.add(call, at)) or (was_open and not is_complete):
            self.active[call.id] = at
            return False
        self.active.pop(call.id, None)
        has_end_now = call.ended_at is not None and known is not None and known.ended_at is None
        return was_open or again or has_end_now

    def finish(self, call_id: int) -> bool:
        """Stop fetching a done call. Return whether it was to be fetched."""
        self.unended.forget(call_id)
        return self.active.pop(call_id, None) is not None

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

    def pages_since(self, start: int, expected: float) -> int:
        """Return how many pages of Aircall's list hold the calls since `start`, and `expected` new ones."""
        return max(1, math.ceil((self.started_since(start) + expected) / PER_PAGE))

    @property
    def calls_per_second(self) -> float:
        """The recent rate at which calls begin; 0 before the first poll."""
        if self.fetched_until is None or self.fetched_until <= self.complete_since:
            return 0.0
        span = min(CALL_RATE_WINDOW_S, self.fetched_until - self.complete_since)
        return self.started_since(int(self.fetched_until - span)) / max(span, 60)

    def not_refreshed(self, calls: Iterable[Call], since: float) -> list[int]:
        """Return the ids of those calls that are active and were last fetched before `since` (our clock)."""
        return [call.id for call in calls if self.active.get(call.id, since) < since]


def upper_bound(calls: float) -> float:
    """Return an upper bound (mean + 2 sigma, Poisson) for a number of calls with this mean."""
    return calls + 2 * math.sqrt(calls)
