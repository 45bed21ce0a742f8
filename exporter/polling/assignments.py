"""How it is read who answers which number: one request for each number or each user, whichever are fewer.

A number or user that is gone when its turn comes answers nothing. One that cannot be read, or whose request
fails, keeps the assignments known before; without any, nobody is assigned until it can be read.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from exporter.account.reference_data import ReferenceData
from exporter.account.set_aside import SetAside
from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, fetch, paginate
from exporter.aircall.errors import NotFoundError
from exporter.aircall.models import Page, Ref
from exporter.polling.partial_fetch import fetch_each, undecodable


def fetch_assignments(
    lists: ReferenceData, version: Callable[[], str], aside: SetAside, now: float
) -> ApiTask[None]:
    """Read who answers which number. `version` returns that of the users' endpoints which works."""
    user_ids = frozenset(lists.directory.users)
    number_ids = frozenset(lists.directory.numbers)
    lists.begin_assignments(user_ids, number_ids)
    before = lists.directory.assigned or {}
    if len(number_ids) <= len(user_ids):
        aside.keep("number", number_ids)
        aside.keep("user", frozenset())
        unread = set(number_ids)
        found = yield from _by_number(lists, unread, aside, now)
        lists.note_unread("number", unread, now)
        lists.note_unread("user", frozenset(), now)
        kept = {id_: before.get(id_, frozenset()) for id_ in number_ids - found.keys()}
        assigned = {id_: users for id_, users in found.items() if users is not None} | kept
    else:
        aside.keep("number", frozenset())
        aside.keep("user", user_ids)
        unread = set(user_ids)
        answers = yield from _by_user(lists, version, unread, aside, now)
        lists.note_unread("user", unread, now)
        lists.note_unread("number", frozenset(), now)
        others = {id_: (users & user_ids) - answers.keys() for id_, users in before.items()}
        assigned = dict.fromkeys(number_ids, frozenset[int]()) | _with(answers, others)
    lists.apply_assignments(assigned, user_ids, number_ids, now)
    lists.confirm("assignments")


def retry_assignments(
    lists: ReferenceData, version: Callable[[], str], aside: SetAside, now: float
) -> ApiTask[None]:
    """Read the assignments of those numbers and users that failed before and are due again.

    It adds assignments. Those that a whole reading leaves out are removed by that.
    """
    number_ids, user_ids = retryable(lists, aside, "number", now), retryable(lists, aside, "user", now)
    numbers = yield from _by_number(lists, unread_numbers := set(number_ids), aside, now)
    answers = yield from _by_user(lists, version, unread_users := set(user_ids), aside, now)
    before = lists.directory.assigned or {}
    changed = {id_: before.get(id_, frozenset()) | (users or frozenset()) for id_, users in numbers.items()}
    lists.directory.assign(_with(answers, {**before, **changed}))
    lists.note_unread("number", lists.unread("number") - (number_ids - unread_numbers), now)
    lists.note_unread("user", lists.unread("user") - (user_ids - unread_users), now)


def retryable(
    lists: ReferenceData, aside: SetAside, kind: Literal["number", "user"], now: float
) -> frozenset[int]:
    """Return the numbers or users whose assignments could not be read and that may be asked for again."""
    waiting = aside.failing(kind) - frozenset(aside.due(kind, now))
    return (lists.unread(kind) | aside.failing(kind)) - waiting


def _by_number(
    lists: ReferenceData, unread: set[int], aside: SetAside, now: float
) -> ApiTask[dict[int, frozenset[int] | None]]:
    """Ask for each `unread` number, and take those that are answered out of that set.

    Returns who answers each number that could be read, and None for those that are gone.
    """
    found: dict[int, frozenset[int] | None] = {}

    def ask_one(number_id: int) -> ApiTask[None]:
        try:
            answer = yield from fetch(endpoints.number_users(number_id))
        except NotFoundError:
            unread.discard(number_id)
            found[number_id] = None
            return
        if answer.value is None:
            lists.malformed["number"] += 1
            raise undecodable("number", number_id)
        unread.discard(number_id)
        found[number_id] = lists.ids(answer.value.users, "user")

    yield from fetch_each(aside, "number", sorted(unread), now, ask_one)
    return found


def _by_user(
    lists: ReferenceData, version: Callable[[], str], unread: set[int], aside: SetAside, now: float
) -> ApiTask[dict[int, frozenset[int]]]:
    """Ask for each `unread` user, and take those who are answered out of that set.

    Returns the numbers of each user who could be read, none for those who are gone.
    """
    answers: dict[int, frozenset[int]] = {}

    def ask_one(user_id: int) -> ApiTask[None]:
        try:
            numbers = yield from _numbers_of(lists, version(), user_id)
        except NotFoundError:
            numbers = frozenset()
        unread.discard(user_id)
        answers[user_id] = numbers

    yield from fetch_each(aside, "user", sorted(unread), now, ask_one)
    return answers


def _numbers_of(lists: ReferenceData, version: str, user_id: int) -> ApiTask[frozenset[int]]:
    found: set[int] = set()

    def apply(page: Page[Ref], _: float) -> None:
        lists.malformed["number"] += page.malformed
        found.update(ref.id for ref in page.items)

    if version == "v2":
        yield from paginate(endpoints.user_numbers(user_id), apply)
        return frozenset(found)
    answer = yield from fetch(endpoints.user_with_numbers(user_id))
    if answer.value is None:
        lists.malformed["user"] += 1
        raise undecodable("user", user_id)
    return lists.ids(answer.value.numbers, "number")


def _with(
    answers: Mapping[int, frozenset[int]], before: Mapping[int, frozenset[int]]
) -> dict[int, frozenset[int]]:
    """Return number → users: those `before`, and those of the `answers` (user → numbers)."""
    assigned = {id_: set(users) for id_, users in before.items()}
    for user_id, numbers in answers.items():
        for number_id in numbers:
            assigned.setdefault(number_id, set()).add(user_id)
    return {id_: frozenset(users) for id_, users in assigned.items()}
