"""Choose which calls a fetch requests: recent, possibly ended, past and edited calls."""

from collections.abc import Iterator
from functools import partial

from exporter.account.account import Account
from exporter.account.call_store import INITIAL_LOOKBACK_S, LATE_ARRIVAL_S
from exporter.account.day import DAY_S, day_start
from exporter.account.records import Counting, TimeRange
from exporter.aircall.models import Call
from exporter.polling import ended_calls
from exporter.polling.pages_to_fetch import CallsToFetch, next_poll


def calls_to_fetch(account: Account, now: float, server_now: float) -> CallsToFetch:
    """Choose what a poll of calls fetches.

    `now` and `server_now` are the same moment on our clock and on Aircall's.
    """
    start = server_now - account.settings.activity_period
    account.first_poll_at = (
        server_now if account.first_poll_at is None else min(account.first_poll_at, server_now)
    )
    counting = Counting.at(server_now, account.settings.activity_period, account.clocks_agree)
    if account.ledger.propose(counting):
        account.calls.count_done_again()  # the earlier decision may have left some of them uncounted
    account.coverage.cut(int(server_now))
    if max(account.calls.complete_since, account.calls.latest_start or 0) > server_now:
        account.calls.reset()  # the clock was wrong and ahead
    backfill = account.settings.storage.backfill
    if account.required_backfill_s != backfill:
        account.required_backfill_s = backfill
        begin = server_now - max(backfill, INITIAL_LOOKBACK_S)
        if backfill >= DAY_S:  # a day on which clocks change has 25 hours
            begin = min(begin, day_start(server_now, account.settings.today))
        account.coverage.require_since(int(begin))
    account.coverage.start_rechecks(int(server_now))
    for span in account.aside.forget_ranges(account.retained_since):
        account.coverage.mark_fetched(*span)
    account.coverage.prune(account.retained_since)
    account.remove_expired()
    account.aside.keep("call", account.calls.active.keys() | account.ledger.unfinished_ids)
    account.ledger.prune(account.retained_since)
    start = min(start, server_now - 2 * LATE_ARRIVAL_S)  # the next poll fetches late arrivals
    if not account.clocks_agree and account.coverage.newest:
        start = min(start, account.coverage.newest[-1])  # the clock that is believed may be ahead
    todo = next_poll(account.calls, int(start), server_now, now, partial(_has_hung_up, account))
    account.coverage.begin_poll(todo.since)
    return todo


def possibly_ended(account: Account, now: float, next_poll_in: float) -> Iterator[Call]:
    """Return the active calls that may have ended.

    Calls that the next poll, in `next_poll_in` seconds, fetches anyway are left out.
    """
    calls = ended_calls.possibly_ended(account.calls, now, partial(_has_hung_up, account))
    return ended_calls.outside_next_poll(account.calls, calls, next_poll_in)


def next_backfill(account: Account, now: float) -> TimeRange | None:
    """Return the latest range of past calls that may be fetched `now` (our clock), or None."""
    return next(iter(account.aside.open_ranges(account.coverage.gaps, now)[::-1]), None)


def next_manual_backfill(account: Account, now: float) -> TimeRange | None:
    """Return the latest range of calls that a user requested and that may be fetched `now`, or None."""
    spans = account.coverage.requested_gaps
    return next(iter(account.aside.open_ranges(spans, now)[::-1]), None) if spans else None


def backfill_remaining_s(account: Account) -> int:
    """Seconds of the past that are still to be fetched, without the ranges that are set aside."""
    spans = account.aside.without_ranges((*account.coverage.gaps, *account.coverage.requested_gaps))
    return sum(last - first + 1 for first, last in spans)


def has_unfinished_calls_due(account: Account, now: float) -> bool:
    """Return whether any unfinished call of an earlier run may be requested `now` (our clock)."""
    return bool(account.aside.requestable("call", account.ledger.unfinished_ids, now))


def next_recheck(account: Account, server_now: float) -> tuple[int, TimeRange] | None:
    """Return which calls to fetch again now for late edits, and the index of their age, or None."""
    return account.coverage.next_recheck(int(server_now), account.retained_since)


def _has_hung_up(account: Account, call: Call, since: float) -> bool:
    seen = account.presence.users.get(call.user.id) if call.user else None
    if seen is None:
        return "availabilities" in account.known
    return seen.state != "in_call" and seen.observed_at > since
