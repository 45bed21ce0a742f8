"""Choose what the next poll of calls fetches: as few pages and single calls as possible."""

from collections.abc import Collection
from dataclasses import dataclass

from exporter.account.call_recheck import LONG_WAIT_S, SHARE_OF_AGE
from exporter.account.call_store import LATE_ARRIVAL_S, CallStore, upper_bound
from exporter.aircall.models import Call
from exporter.polling.ended_calls import HasHungUp, possibly_ended

POLL_OVERLAP_S = 15
"""Seconds before the newest known call that each poll fetches again; `LATE_ARRIVAL_S` if pages have room."""

MAX_LONG_WAITS = 1
"""Additional requests of a poll for callers who have waited longer than `LONG_WAIT_S`."""


@dataclass(frozen=True)
class CallsToFetch:
    """One poll of calls: all that started from `since` on (UNIX seconds), and some older ones by id."""

    since: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class _Option:
    """What a poll may fetch, and the number of pages with the calls of the list."""

    pages: int
    calls: CallsToFetch

    @property
    def requests(self) -> int:
        """The number of requests that it takes."""
        return self.pages + len(self.calls.ids)


def next_poll(
    store: CallStore, earliest: int, server_now: float, now: float, hung_up: HasHungUp
) -> CallsToFetch:
    """Choose what the next poll fetches: new calls, and calls that were waiting.

    New calls are those since `latest_start`, but not before `earliest` (UNIX seconds, like `server_now`
    on Aircall's clock). An older waiting call is either reached by paging back to it or requested by id,
    whichever is cheaper. Calls that have waited for long are fetched ever more rarely, with one
    additional request per poll. If the pages have room left, they go back further, to calls that
    appeared late or may have ended.
    """
    if store.latest_start is None or store.fetched_until is None:
        return CallsToFetch(earliest, ())
    since = max(earliest, store.latest_start - POLL_OVERLAP_S)
    expected = upper_bound(store.calls_per_second * max(0.0, server_now - store.fetched_until))
    older = sorted(
        (call for call in store.active_calls() if call.waiting and call.started_at < since),
        key=lambda call: -call.started_at,
    )
    option = _cheapest(store, since, expected, older, now)
    for start in (
        store.latest_start - LATE_ARRIVAL_S,
        *sorted((call.started_at for call in possibly_ended(store, now, hung_up)), reverse=True),
    ):
        if store.complete_since <= start < since and store.pages_since(start, expected) <= option.pages:
            since = start
    since = min(since, option.calls.since)
    return CallsToFetch(since, tuple(i for i in option.calls.ids if store.calls[i].started_at < since))


def _cheapest(store: CallStore, since: int, expected: float, waiting: list[Call], now: float) -> _Option:
    """Choose how to fetch the `waiting` calls, the latest first."""
    overdue = {
        call.id: (now - store.active[call.id]) / (SHARE_OF_AGE * store.age(call))
        for call in waiting
        if store.age(call) > LONG_WAIT_S
    }
    long = sorted((call_id for call_id in overdue if overdue[call_id] >= 1), key=lambda i: -overdue[i])

    def option(long_waits: Collection[int]) -> _Option:
        """Return the cheapest way to fetch these calls, and those that have not waited for long."""
        chosen = [call for call in waiting if call.id not in overdue or call.id in long_waits]
        return _cheapest_for_all(store, since, expected, chosen)

    with_all_due = option(long)
    if with_all_due.requests <= option(()).requests + MAX_LONG_WAITS:
        return with_all_due
    return option(long[:MAX_LONG_WAITS])


def _cheapest_for_all(store: CallStore, since: int, expected: float, waiting: list[Call]) -> _Option:
    """Choose up to which of the `waiting` calls, the latest first, the pages go. The others are by id."""

    def option(since: int, older: list[Call]) -> _Option:
        calls = CallsToFetch(since, tuple(call.id for call in older))
        return _Option(store.pages_since(since, expected), calls)

    options = [option(since, waiting)]
    for position, call in enumerate(waiting, 1):
        if call.started_at >= store.complete_since:
            options.append(option(call.started_at, waiting[position:]))
    return min(options, key=lambda option: option.requests)
