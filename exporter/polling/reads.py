"""How each dataset is read: which requests, in which order, and what becomes of the answers.

A read is a generator that yields requests and is sent their answers (`endpoints.Asking`). It neither
sends nor waits: the poller drives it, one request at a time, between those of the other reads.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from exporter.account.account import Account
from exporter.account.calls import LATE, CallsToRead, Neighbours
from exporter.account.leaving import Listed
from exporter.account.lists import Lists
from exporter.aircall import endpoints
from exporter.aircall.clock import CONFIRMED, ServerClock
from exporter.aircall.endpoints import QUERY_CAP, Asking, Request, ask, each_page
from exporter.aircall.errors import NotFoundError
from exporter.aircall.objects import Page, ReadCall, Ref
from exporter.archive.records import Span
from exporter.polling.errand import Errand
from exporter.polling.schedule import SUBSTATUSES

T = TypeVar("T")

LOOKS = CONFIRMED + 1
"""Answers after which the time is as clear as it gets: one server may be wrong."""


class UserApi:
    """Which version of the users' endpoints this account answers: v2, or the retired v1."""

    def __init__(self) -> None:
        self.version = "v2"

    def either(self, asking: Callable[[str], Asking[T]]) -> Asking[T]:
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


def availabilities(lists: Lists) -> Asking[None]:
    """What every user is doing now."""
    listed = yield from _listed(endpoints.availabilities(), lists.saw_availabilities)
    lists.read_availabilities(listed)
    lists.confirm("availabilities")


def users(lists: Lists, api: UserApi) -> Asking[None]:
    """All users, by the version that worked last, else by the other one."""
    listed = yield from api.either(
        lambda version: _listed(endpoints.users(version), lambda page, _: lists.saw_users(page))
    )
    lists.read_users(listed)
    lists.confirm("users")


def substatuses(lists: Lists, api: UserApi) -> Asking[None]:
    """Why users are away, from the same list: there is no other, and none of those who are."""
    yield from api.either(lambda version: each_page(endpoints.user_statuses(version), lists.saw_substatuses))
    lists.known.add(SUBSTATUSES)


def teams(lists: Lists) -> Asking[None]:
    """All teams and their members."""
    listed = yield from _listed(endpoints.teams(), lambda page, _: lists.saw_teams(page))
    lists.read_teams(listed)
    lists.confirm("teams")


def numbers(lists: Lists) -> Asking[None]:
    """All numbers."""
    listed = yield from _listed(endpoints.numbers(), lambda page, _: lists.saw_numbers(page))
    lists.read_numbers(listed)
    lists.confirm("numbers")


def _listed(request: Request[Page[T]], apply: endpoints.Apply[T]) -> Asking[Listed]:
    """Read a list to its end, and return what it held."""
    listed = Listed()

    def take(page: Page[T], at: float) -> None:
        apply(page, at)
        listed.add(page, at)

    yield from each_page(request, take)
    return listed


def assignments(lists: Lists, api: UserApi, now: float) -> Asking[None]:
    """Who answers which number: one request for each number or for each user, whichever are fewer.

    `now` is the time on our clock. A user or number that is gone when its turn comes answers nothing; what
    cannot be read stays as it was.
    """
    user_ids = frozenset(lists.directory.users)
    number_ids = frozenset(lists.directory.numbers)
    if len(number_ids) <= len(user_ids):
        assigned = yield from _by_number(lists, number_ids)
    else:
        assigned = yield from _by_user(lists, api, user_ids, number_ids)
    lists.read_assignments(assigned, user_ids, number_ids, now)
    lists.confirm("assignments")


def _by_number(lists: Lists, number_ids: frozenset[int]) -> Asking[dict[int, frozenset[int]]]:
    before, assigned = lists.directory.assigned or {}, {}
    for number_id in sorted(number_ids):
        try:
            answer = yield from ask(endpoints.number_users(number_id))
        except NotFoundError:
            continue
        if answer.value is None:
            lists.malformed["number"] += 1
            assigned[number_id] = before.get(number_id, frozenset())
        else:
            assigned[number_id] = lists.ids(answer.value.users, "user")
    return assigned


def _by_user(
    lists: Lists, api: UserApi, user_ids: frozenset[int], number_ids: Iterable[int]
) -> Asking[dict[int, frozenset[int]]]:
    before = lists.directory.assigned or {}
    assigned: dict[int, set[int]] = {number_id: set() for number_id in number_ids}
    for user_id in sorted(user_ids):
        found: list[int] = []

        def apply(page: Page[Ref], _: float, found: list[int] = found) -> None:
            lists.malformed["number"] += page.malformed
            found.extend(ref.id for ref in page.items)

        try:
            if api.version == "v2":
                yield from each_page(endpoints.user_numbers(user_id), apply)
            else:
                answer = yield from ask(endpoints.user_with_numbers(user_id))
                if answer.value is None:
                    lists.malformed["user"] += 1
                    found.extend(number_id for number_id, ids in before.items() if user_id in ids)
                else:
                    found.extend(lists.ids(answer.value.numbers, "number"))
        except NotFoundError:
            continue
        for number_id in found:
            assigned.setdefault(number_id, set()).add(user_id)
    return {number_id: frozenset(ids) for number_id, ids in assigned.items()}


def time_to_start(account: Account, clock: ServerClock, now: float) -> Asking[float]:
    """Look at the newest call while `clock` is in doubt, a few times at most, and return the time then.

    What is requested, counted and noted as read afterwards depends on Aircall's time.
    """
    for _ in range(LOOKS):
        if not clock.in_doubt:
            return now
        answer = yield from ask(endpoints.newest_call())
        now = answer.at
        account.newest_start = max((read.call.started_at for read in answer.value.items), default=None)
    clock.looked()
    return now


def calls(account: Account, todo: CallsToRead, now: float, server_now: float) -> Asking[None]:
    """What can have changed in the queue: the calls of late, and older ones that wait by their id.

    The time is now on our clock, `server_now` the same moment on Aircall's. The activity period ends there
    as soon as there is an answer: without one, the board stays as it is.
    """

    def apply(page: Page[ReadCall], at: float) -> None:
        account.slide(server_now)
        account.saw_calls(page, at)

    yield from _window(todo.since, None, apply)
    account.read_calls(todo.since, server_now)
    unlisted = account.book.unread(todo.since, now)
    for call_id in dict.fromkeys((*todo.ids, *unlisted)):
        yield from call(account, call_id)


def endings(account: Account, to_look_at: list[Neighbours], now: float) -> Asking[None]:
    """The calls in progress that may be over, those that began close together in one request."""
    for neighbours in to_look_at:
        if len(neighbours.calls) > 1:
            yield from _window(neighbours.since, neighbours.until, account.saw_calls)
        for call_id in account.book.not_seen(neighbours.calls, now):
            yield from call(account, call_id)


def errands(waiting: deque[Errand[Any]]) -> Asking[None]:
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


def call(account: Account, call_id: int) -> Asking[ReadCall | None]:
    """One call; none where Aircall has no such call."""
    try:
        answer = yield from ask(endpoints.call(call_id))
    except NotFoundError:
        account.lost_call(call_id)
        return None
    account.saw_calls(answer.value, answer.at)
    return next(iter(answer.value.items), None)


def past(account: Account) -> Asking[None]:
    """What is missing, the latest first; then how the calls ended that an earlier run left open."""
    if account.history.missing:
        yield from past_calls(account, account.history.missing[-1])
        return
    while account.ledger.left_open:
        call_id = min(account.ledger.left_open)
        yield from call(account, call_id)
        account.ledger.left_open.discard(call_id)


def past_calls(account: Account, span: Span) -> Asking[None]:
    """The calls of a span, newest first; what has been read stays read when this breaks off.

    A span that was asked for by hand may reach into the future, because the clock of that machine is wrong:
    nothing of that is noted as read.
    """
    since, until = span
    last = until

    def apply(page: Page[ReadCall], at: float) -> None:
        nonlocal last
        account.saw_calls(page, at)
        oldest = min((item.call.started_at for item in page.items), default=until)
        present = int(at + account.server_ahead)
        last = min(last, until if until <= present else present - LATE)
        account.history.read(max(since, oldest + 1), last)

    yield from _window(since, until, apply)
    account.history.read(since, last)


def late_edits(account: Account, server_now: float) -> Asking[None]:
    """Calls of some age once more: tags, comments, assignee and recordings change after the end."""
    due = account.edits(server_now)
    if due is not None:
        step, span = due
        yield from _window(*span, account.saw_calls)
        account.history.edits_read(step, span[1])


def _window(since: int, until: int | None, apply: endpoints.Apply[ReadCall]) -> Asking[None]:
    """All calls of a stretch of time, newest first, also where they are more than one query gives."""
    while True:
        count, oldest = 0, until

        def counting(page: Page[ReadCall], at: float) -> None:
            nonlocal count, oldest
            count += page.objects
            oldest = min((item.call.started_at for item in page.items), default=oldest)
            apply(page, at)

        yield from each_page(endpoints.calls(since, until), counting)
        if count < QUERY_CAP or oldest is None:
            return
        until = oldest if oldest != until else oldest - 1
