"""Fetch calls: recent, possibly ended, single, past and edited ones."""

from collections.abc import Iterable
from contextlib import suppress

from exporter.account.account import Account
from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.records import TimeRange
from exporter.aircall import endpoints
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import ApiTask, fetch
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import Call, CallWithDetails, Page
from exporter.aircall.server_clock import MIN_CONFIRMATIONS, ServerClock
from exporter.polling import call_selection
from exporter.polling.ended_calls import MAX_REQUESTS_PER_PASS, batch_by_time
from exporter.polling.pages_to_fetch import CallsToFetch
from exporter.polling.partial_fetch import fetch_each, fetch_window, undecodable

MAX_FAILURES = 40
"""Requests that may fail while a range is halved: more than finding one second in half a year takes."""


MAX_CLOCK_REQUESTS = MIN_CONFIRMATIONS + 1
"""Largest number of requests that determine Aircall's time: the clock of one server may be wrong."""


def wait_for_server_time(account: Account, clock: ServerClock, now: float) -> ApiTask[float]:
    """Fetch the newest calls while `clock` is in doubt, at most a few times, and return our time afterwards.

    Which calls are requested, counted and recorded as fetched depends on Aircall's time. If the newest calls
    cannot be listed, an empty list is fetched, whose `Date` header has the time.
    """
    for _ in range(MAX_CLOCK_REQUESTS):
        if not clock.in_doubt:
            return now
        try:
            answer = yield from fetch(endpoints.newest_calls(MIN_CONFIRMATIONS))
        except ApiError:
            answer = yield from fetch(endpoints.no_calls())
        now = answer.at
        account.new_starts.update(read.call.started_at for read in answer.value.items)
    clock.newest_call_fetched()
    return now


def fetch_calls(
    account: Account, todo: CallsToFetch, now: float, server_now: float, in_pieces: bool
) -> ApiTask[None]:
    """Fetch recent calls from the list, and older active calls by their ids.

    The activity period advances with the first answer: without an answer, the snapshot stays as it is. The
    backfill fetches ranges that are set aside, further pages that fail, and the calls before these.

    Args:
        account: The account to update.
        todo: The calls to fetch.
        now: UNIX time on our clock, in seconds.
        server_now: The same moment on Aircall's clock.
        in_pieces: Fetch by halved ranges, after the first page has failed. A call that cannot be fetched then
            costs one second of the range.
    """
    newest = int(server_now)
    if in_pieces:
        # If this fails, calls cannot be listed at all.
        yield from fetch_window(newest, None, account.apply_call_page)
        account.advance_to(server_now)
        yield from fetch_range(account, (todo.since, newest), now, all_known_to=newest - LATE_ARRIVAL_S)
    read_from = max(todo.since, account.aside.last_failing_second(newest) + 1)
    if not in_pieces:
        read_from = yield from _fetch_recent_calls(account, read_from, server_now)
    account.mark_calls_fetched(todo.since, server_now, read_from)
    unlisted = account.calls.not_returned(todo.since, now)
    yield from fetch_calls_by_id(account, dict.fromkeys((*todo.ids, *unlisted)), now)


def _fetch_recent_calls(account: Account, since: int, server_now: float) -> ApiTask[int]:
    """Fetch calls that started at `since` or later, and return from when on all have been fetched."""
    oldest = int(server_now)

    def apply(page: Page[CallWithDetails], at: float) -> None:
        nonlocal oldest
        account.advance_to(server_now)
        account.apply_call_page(page, at)
        oldest = min((item.call.started_at for item in page.items), default=oldest)

    try:
        yield from fetch_window(since, None, apply)
    except ApiError:
        return max(since, oldest + 1)
    return since


def fetch_calls_by_id(account: Account, call_ids: Iterable[int], now: float) -> ApiTask[None]:
    """Fetch calls by their ids. A call whose request fails does not change."""
    yield from fetch_each(account.aside, "call", call_ids, now, lambda call_id: fetch_call(account, call_id))


def fetch_ended(account: Account, calls: Iterable[Call], now: float) -> ApiTask[None]:
    """Fetch active calls that may have ended. Calls that began close together share one request."""
    for batch in batch_by_time(account.calls, calls):
        if len(batch.calls) > 1:
            with suppress(ApiError, InvalidResponseError):  # then each is requested by its id
                yield from fetch_window(batch.since, batch.until, account.apply_call_page)
        unseen = account.calls.not_refreshed(batch.calls, now)
        yield from fetch_calls_by_id(account, unseen[:MAX_REQUESTS_PER_PASS], now)


def fetch_call(account: Account, call_id: int) -> ApiTask[CallWithDetails | None]:
    """Fetch one call. Return None if Aircall has no such call, or if its direction is unknown.

    Raises:
        ApiError: The request fails, or the call cannot be decoded.
    """
    try:
        answer = yield from fetch(endpoints.call(call_id))
    except NotFoundError:
        account.remove_call(call_id)
        return None
    account.apply_call_page(answer.value, answer.at)
    if answer.value.malformed:
        raise undecodable("call", call_id)
    return next(iter(answer.value.items), None)


def fetch_backfill(account: Account, now: float) -> ApiTask[None]:
    """Fetch some of the calls that events named, then one missing range, the latest first.

    If nothing is missing, fetch the calls that were active when an earlier run saved them.
    """
    ledger = account.ledger

    def fetch_one(call_id: int) -> ApiTask[None]:
        yield from fetch_call(account, call_id)
        ledger.was_read(call_id, now)

    from_events = account.aside.requestable("call", ledger.reported_calls, now)[:MAX_REQUESTS_PER_PASS]
    yield from fetch_each(account.aside, "call", from_events, now, fetch_one)
    span = call_selection.next_backfill(account, now)
    if span is not None:
        yield from fetch_range(account, span, now)
    elif not from_events:
        yield from fetch_each(account.aside, "call", sorted(ledger.unfinished_ids), now, fetch_one)


def fetch_range(
    account: Account, span: TimeRange, now: float, all_known_to: int | None = None
) -> ApiTask[None]:
    """Fetch the calls of a range, newest first. If this is aborted, fetched parts stay recorded as fetched.

    A range that fails is halved, until the failing part is one second long or too many requests have failed.
    The rest is set aside. A range that a person requested may reach into the future, because their machine's
    clock is wrong: that part is not recorded as fetched.

    Args:
        account: The account to update.
        span: First and last second, UNIX time on Aircall's clock.
        now: UNIX time on our clock, in seconds.
        all_known_to: Nothing later is recorded as fetched, because calls may appear in lists late.
    """
    todo, failures = [span], 0
    while todo:
        since, until = todo.pop()
        left = last = until

        def apply(page: Page[CallWithDetails], at: float, since: int = since, until: int = until) -> None:
            nonlocal left, last
            account.apply_call_page(page, at)
            left = min((item.call.started_at for item in page.items), default=left)
            present = int(at + account.server_ahead)
            known_to = present - LATE_ARRIVAL_S if until > present else all_known_to
            last = min(last, until if known_to is None else known_to)
            account.mark_backfilled(max(since, left + 1), last)

        try:
            yield from fetch_window(since, until, apply)
            account.mark_backfilled(since, last)
        except (ApiError, InvalidResponseError) as error:
            failures += 1
            middle = (since + left) // 2
            if left < until and failures <= MAX_FAILURES:
                todo.append((since, left))
            elif since < left and failures <= MAX_FAILURES:
                todo += [(since, middle), (middle + 1, left)]
            else:
                account.aside.range_failed((since, left), str(error), now)


def recheck_calls(account: Account, server_now: float, now: float) -> ApiTask[None]:
    """Recheck calls of some age: tags, comments, assignees and recordings change after the end.

    `server_now` and `now` are the same moment on Aircall's clock and on ours.
    """
    due = call_selection.next_recheck(account, server_now)
    if due is None:
        return
    step, (since, until) = due
    left = until

    def apply(page: Page[CallWithDetails], at: float) -> None:
        nonlocal left
        account.apply_call_page(page, at)
        left = min((item.call.started_at for item in page.items), default=left)

    try:
        yield from fetch_window(since, until, apply)
    except (ApiError, InvalidResponseError) as error:
        account.aside.range_failed((since, left), str(error), now)
    account.coverage.mark_rechecked(step, until)
