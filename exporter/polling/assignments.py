"""Fetch the assignments of users to numbers: one request for each number or each user, whichever are fewer.

A number or user that was deleted has no assignments. One that cannot be decoded, or whose request fails,
keeps its previous assignments. Without any, it has none until it can be fetched.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from exporter.account.failing_objects import SetAside
from exporter.account.reference_data import ReferenceData
from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, fetch
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import Page, Ref
from exporter.polling.list_fetch import fetch_list
from exporter.polling.partial_fetch import fetch_each, undecodable


def fetch_assignments(
    lists: ReferenceData, version: Callable[[], str], aside: SetAside, now: float
) -> ApiTask[None]:
    """Fetch all assignments. `version` returns the version of the users' endpoints that works."""
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
        previous = {id_: before.get(id_, frozenset()) for id_ in number_ids - found.keys()}
        assigned = {id_: users for id_, users in found.items() if users is not None} | previous
    else:
        aside.keep("number", frozenset())
        aside.keep("user", user_ids)
        unread = set(user_ids)
        answers = yield from _by_user(lists, version, unread, aside, now)
        lists.note_unread("user", unread, now)
        lists.note_unread("number", frozenset(), now)
        others = {id_: (users & user_ids) - (answers.keys() - unread) for id_, users in before.items()}
        assigned = dict.fromkeys(number_ids, frozenset[int]()) | _add(answers, others)
    lists.apply_assignments(assigned, user_ids, number_ids, now)
    lists.confirm("assignments")


def retry_assignments(
    lists: ReferenceData, version: Callable[[], str], aside: SetAside, now: float
) -> ApiTask[None]:
    """Fetch the assignments of numbers and users that failed before and are due again.

    This only adds assignments. A complete fetch removes those that no longer exist.
    """
    number_ids, user_ids = retryable(lists, aside, "number", now), retryable(lists, aside, "user", now)
    numbers = yield from _by_number(lists, unread_numbers := set(number_ids), aside, now)
    answers = yield from _by_user(lists, version, unread_users := set(user_ids), aside, now)
    before = lists.directory.assigned or {}
    changed = {id_: before.get(id_, frozenset()) | (users or frozenset()) for id_, users in numbers.items()}
    lists.directory.assign(_add(answers, {**before, **changed}))
    lists.note_unread("number", lists.unread("number") - (number_ids - unread_numbers), now)
    lists.note_unread("user", lists.unread("user") - (user_ids - unread_users), now)


def retryable(
    lists: ReferenceData, aside: SetAside, kind: Literal["number", "user"], now: float
) -> frozenset[int]:
    """Return the numbers or users whose assignments could not be fetched and are due again."""
    waiting = aside.failing(kind) - frozenset(aside.due(kind, now))
    return (lists.unread(kind) | aside.failing(kind)) - waiting


def _by_number(
    lists: ReferenceData, unread: set[int], aside: SetAside, now: float
) -> ApiTask[dict[int, frozenset[int] | None]]:
    """Fetch each `unread` number, and remove those that succeed from that set.

    Returns the users of each number that could be fetched, and None for deleted ones.
    """
    found: dict[int, frozenset[int] | None] = {}

    def fetch_one(number_id: int) -> ApiTask[None]:
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

    yield from fetch_each(aside, "number", sorted(unread), now, fetch_one)
    return found


def _by_user(
    lists: ReferenceData, version: Callable[[], str], unread: set[int], aside: SetAside, now: float
) -> ApiTask[dict[int, frozenset[int]]]:
    """Fetch each `unread` user, and remove those that succeed from that set.

    Returns the numbers of each user who could be fetched, an empty set for deleted ones. Users who stay in
    that set may have further numbers, on pages that fail.
    """
    answers: dict[int, frozenset[int]] = {}

    def fetch_one(user_id: int) -> ApiTask[None]:
        try:
            answers[user_id], failure = yield from _numbers_of(lists, version(), user_id)
        except NotFoundError:
            answers[user_id], failure = frozenset(), None
        if failure is not None:
            raise ApiError(failure.code, str(failure))  # also if the page is not found
        unread.discard(user_id)

    yield from fetch_each(aside, "user", sorted(unread), now, fetch_one)
    return answers


def _numbers_of(
    lists: ReferenceData, version: str, user_id: int
) -> ApiTask[tuple[frozenset[int], ApiError | None]]:
    """Fetch a user's numbers. Returns them, and the failure if a page of them failed."""
    found: set[int] = set()

    def apply(page: Page[Ref], _: float) -> None:
        lists.malformed["number"] += page.malformed
        found.update(ref.id for ref in page.items)

    if version == "v2":
        failure = yield from fetch_list(endpoints.user_numbers(user_id), apply)
        return frozenset(found), failure
    answer = yield from fetch(endpoints.user_with_numbers(user_id))
    if answer.value is None:
        lists.malformed["user"] += 1
        raise undecodable("user", user_id)
    return lists.ids(answer.value.numbers, "number"), None


def _add(
    answers: Mapping[int, frozenset[int]], before: Mapping[int, frozenset[int]]
) -> dict[int, frozenset[int]]:
    """Return `before` (number → users) with the `answers` (user → numbers) added."""
    assigned = {id_: set(users) for id_, users in before.items()}
    for user_id, numbers in answers.items():
        for number_id in numbers:
            assigned.setdefault(number_id, set()).add(user_id)
    return {id_: frozenset(users) for id_, users in assigned.items()}
