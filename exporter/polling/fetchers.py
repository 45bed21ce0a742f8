"""How each dataset is read: which requests, in which order, and what becomes of the answers.

A read is a generator that yields requests and is sent their answers (`endpoints.Asking`). It neither
sends nor waits: the poller drives it, one request at a time, between those of the other reads.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from exporter.account.account import Account
from exporter.account.call_store import LATE_ARRIVAL_S, MAX_REQUESTS_PER_PASS, CallBatch, CallsToFetch
from exporter.account.reference_data import ReferenceData
from exporter.account.removal_detector import Listed
from exporter.aircall import endpoints
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import ApiTask, Request, TooManyObjectsError, fetch
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import CallWithDetails, Page
from exporter.aircall.server_clock import MIN_CONFIRMATIONS, ServerClock
from exporter.archive.records import TimeRange
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.partial_fetch import fetch_each, fetch_list, fetch_window, undecodable
from exporter.polling.schedule import SUBSTATUSES

T = TypeVar("T")

MAX_FAILURES = 40
"""Requests that may fail while a span is halved: more than it takes to find one second of half a year."""

MAX_CLOCK_REQUESTS = MIN_CONFIRMATIONS + 1
"""Answers after which the time is as clear as it gets: one server may be wrong."""


class UserApi:
    """Which version of the users' endpoints this account answers: v2, or the retired v1."""

    def __init__(self) -> None:
        self.version = "v2"

    def with_fallback(self, asking: Callable[[str], ApiTask[T]]) -> ApiTask[T]:
        """Ask by the version that worked last, else by the other one, and remember which did.

        Raises NotFoundError where both say 404 or 410.
        """
        try:
            return (yield from asking(self.version))
        except NotFoundError:
            other = "v1" if self.version == "v2" else "v2"
            found = yield from asking(other)
            self.version = other
            return found


def fetch_availabilities(lists: ReferenceData) -> ApiTask[None]:
    """What every user is doing now."""
    listed = yield from _listed(
        lists, "availabilities", endpoints.availabilities(), lists.apply_availabilities_page
    )
    lists.finish_availabilities(listed)
    lists.confirm("availabilities")


def fetch_users(lists: ReferenceData, api: UserApi) -> ApiTask[None]:
    """All users, by the version that worked last, else by the other one."""
    listed = yield from api.with_fallback(
        lambda version: _listed(
            lists, "users", endpoints.users(version), lambda page, _: lists.apply_users_page(page)
        )
    )
    lists.finish_users(listed)
    lists.confirm("users")


def fetch_substatuses(lists: ReferenceData, api: UserApi) -> ApiTask[None]:
    """Why users are away, from the same list: there is no other, and none of those who are."""
    yield from api.with_fallback(
        lambda version: _listed(
            lists, SUBSTATUSES, endpoints.user_statuses(version), lists.apply_substatuses_page
        )
    )
    lists.known.add(SUBSTATUSES)


def fetch_teams(lists: ReferenceData) -> ApiTask[None]:
    """All teams and their members."""
    listed = yield from _listed(
        lists, "teams", endpoints.teams(), lambda page, _: lists.apply_teams_page(page)
    )
    lists.finish_teams(listed)
    lists.confirm("teams")


def fetch_numbers(lists: ReferenceData) -> ApiTask[None]:
    """All numbers."""
    listed = yield from _listed(
        lists, "numbers", endpoints.numbers(), lambda page, _: lists.apply_numbers_page(page)
    )
    lists.finish_numbers(listed)
    lists.confirm("numbers")


def _listed(
    lists: ReferenceData, name: str, request: Request[Page[T]], apply: endpoints.PageHandler[T]
) -> ApiTask[Listed]:
    """Read a list to its end, and return what it held.

    If a page fails, what the other pages say is in force, and the failure is raised: no object is removed.
    """
    listed = Listed()

    def take(page: Page[T], at: float) -> None:
        apply(page, at)
        listed.add(page, at)

    try:
        failure = yield from fetch_list(request, take)
    except TooManyObjectsError:
        lists.limits["pages"] += 1
        raise
    if failure is not None:
        lists.known.add(name)
        raise ApiError(failure.code, str(failure), failure.headers)  # also if the page is not found
    return listed


def wait_for_server_time(account: Account, clock: ServerClock, now: float) -> ApiTask[float]:
    """Look at the newest calls while `clock` is in doubt, a few times at most, and return the time then.

    What is requested, counted and noted as read afterwards depends on Aircall's time. If the newest calls
    cannot be listed, an empty list tells the time.
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
    clock.looked()
    return now


def fetch_calls(
    account: Account, todo: CallsToFetch, now: float, server_now: float, in_pieces: bool
) -> ApiTask[None]:
    """What can have changed in the queue: the calls of late, and older ones that wait by their id.

    The time is now on our clock, `server_now` the same moment on Aircall's. The activity period ends there
    as soon as there is an answer: without one, the board stays as it is. A range that is set aside is left to
    the reading of past calls, with the calls before it; so is a further page that fails. After the first
    page has failed, the same calls are read `in_pieces`, so that a call that fails costs one second.
    """
    newest = int(server_now)
    read_from = todo.since
    if in_pieces:
        yield from fetch_window(
            newest, None, account.apply_call_page
        )  # if this fails, calls cannot be listed at all
        account.advance_to(server_now)
        yield from fetch_range(account, (todo.since, newest), now, all_known_to=newest - LATE_ARRIVAL_S)
    read_from = max(read_from, account.aside.last_failing_second(newest) + 1)
    if not in_pieces:
        read_from = yield from _fetch_recent_calls(account, read_from, server_now)
    account.mark_calls_fetched(todo.since, server_now, read_from)
    unlisted = account.calls.not_returned(todo.since, now)
    yield from fetch_calls_by_id(account, dict.fromkeys((*todo.ids, *unlisted)), now)


def _fetch_recent_calls(account: Account, since: int, server_now: float) -> ApiTask[int]:
    """Read the calls from `since` on, and return from when on all have been read: a further page may fail."""
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
    """Some calls by their ids. One that fails stays as it was known."""
    yield from fetch_each(account.aside, "call", call_ids, now, lambda call_id: fetch_call(account, call_id))


def fetch_ended(account: Account, to_look_at: list[CallBatch], now: float) -> ApiTask[None]:
    """The calls in progress that may be over, those that began close together in one request."""
    for neighbours in to_look_at:
        if len(neighbours.calls) > 1:
            with suppress(ApiError):  # then each is asked for by its id
                yield from fetch_window(neighbours.since, neighbours.until, account.apply_call_page)
        unseen = account.calls.not_refreshed(neighbours.calls, now)
        yield from fetch_calls_by_id(account, unseen[:MAX_REQUESTS_PER_PASS], now)


def run_on_demand(waiting: deque[OnDemandRequest[Any]]) -> ApiTask[None]:
    """What somebody waits for, one after the other; an errand stays in line until it is done."""
    while waiting:
        errand = waiting[0]
        try:
            result = yield from errand.work()
        except Exception as error:  # whoever waits is told, and the next one's turn comes
            waiting.popleft()
            errand.failed(error)
        else:
            waiting.popleft()
            errand.done(result)


def fetch_call(account: Account, call_id: int) -> ApiTask[CallWithDetails | None]:
    """Read one call. Return None if Aircall has no such call, or if its direction is unknown.

    Raises ApiError if the call cannot be read, as if its request had failed.
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
    """Read some of the calls that events told of, and then what is missing, the latest first.

    If nothing is missing, read how the calls ended that an earlier run left open.
    """
    ledger = account.ledger

    def ask_one(call_id: int) -> ApiTask[None]:
        yield from fetch_call(account, call_id)
        ledger.was_read(call_id, now)

    told_of = account.aside.askable("call", ledger.told_of, now)[:MAX_REQUESTS_PER_PASS]
    yield from fetch_each(account.aside, "call", told_of, now, ask_one)
    span = account.past_to_read(now)
    if span is not None:
        yield from fetch_range(account, span, now)
    elif not told_of:
        yield from fetch_each(account.aside, "call", sorted(ledger.unfinished_ids), now, ask_one)


def fetch_range(
    account: Account, span: TimeRange, now: float, all_known_to: int | None = None
) -> ApiTask[None]:
    """The calls of a span, newest first; what has been read stays read when this breaks off.

    Nothing after `all_known_to` is noted as read, since calls may turn up late.

    A span that fails is halved until what fails is a second long, or too many requests have failed. What
    is left then is set aside. A span that a person requested may reach into the future, because the clock of
    that machine is wrong: nothing of that is noted as read.
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
            account.read_past(max(since, left + 1), last)

        try:
            yield from fetch_window(since, until, apply)
            account.read_past(since, last)
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
    """Calls of some age once more: tags, comments, assignee and recordings change after the end.

    The times are the same moment on Aircall's clock and on ours.
    """
    due = account.next_recheck(server_now)
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
