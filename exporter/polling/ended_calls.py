"""Choose the active calls that may have ended, and the requests that fetch them."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.account.call_recheck import recheck_interval
from exporter.account.call_store import CallStore, upper_bound
from exporter.account.unended import MIN_RECHECK_S
from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.models import Call

MAX_REQUESTS_PER_PASS = 20
"""Requests per pass for calls that may have ended. The next pass makes the remaining ones."""

HasHungUp = Callable[[Call, float], bool]
"""Returns whether a call's user was seen in no call since a given time (UNIX seconds, our clock)."""


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


def possibly_ended(store: CallStore, now: float, hung_up: HasHungUp) -> list[Call]:
    """Return the active calls that may have ended and are due `now`, without waiting calls.

    These are calls whose user has `hung_up` (according to the availabilities) or has a newer call,
    outbound calls that ring, and calls that were not fetched for long.
    """
    latest = store.talking.current(store.active_calls())
    found = []
    for call_id, seen_at in store.active.items():
        call = store.calls[call_id]
        if call.waiting:
            continue
        if call.phase == "done":
            if now - seen_at >= MIN_RECHECK_S:
                found.append(call)
            continue
        goes_on = call.user is not None and latest.get(call.user.id) == call
        if goes_on and not hung_up(call, -math.inf):
            store.doubts.clear(call_id)
            due = now - seen_at >= recheck_interval(store.age(call))
        else:
            due = (not goes_on or hung_up(call, seen_at)) and store.doubts.is_due(
                call_id, seen_at, store.age(call), now
            )
        if due:
            found.append(call)
    return found


def outside_next_poll(store: CallStore, calls: Iterable[Call], seconds: float) -> Iterator[Call]:
    """Yield the calls that are not on the first page of a poll `seconds` from now.

    Yields nothing during the first fetch, which includes all calls.
    """
    if store.latest_start is None:
        return
    expected = upper_bound(store.calls_per_second * seconds)
    for call in calls:
        if call.started_at < store.complete_since or store.pages_since(call.started_at, expected) > 1:
            yield call


def batch_by_time(store: CallStore, calls: Iterable[Call]) -> list[CallBatch]:
    """Group calls so that each group is fetched with one request, with as few requests as possible.

    The largest groups come first, and at most `MAX_REQUESTS_PER_PASS` groups are returned.
    """
    groups: list[list[Call]] = []
    for call in sorted(calls, key=lambda call: (-call.started_at, call.id)):
        known = call.started_at >= store.complete_since
        if known and groups and _on_one_page(store, call, groups[-1][0]):
            groups[-1].append(call)
        else:
            groups.append([call])
    groups.sort(key=lambda group: (-len(group), min(store.active[call.id] for call in group)))
    return [CallBatch(tuple(group)) for group in groups[:MAX_REQUESTS_PER_PASS]]


def _on_one_page(store: CallStore, first: Call, last: Call) -> bool:
    between = store.started_since(first.started_at) - store.started_since(last.started_at + 1)
    return between <= PER_PAGE
