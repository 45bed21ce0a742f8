"""Fetch each dataset: which requests are sent, in which order, and how the answers are applied.

A fetcher is a generator that yields requests and receives their answers (`endpoints.ApiTask`). It does not
send and does not wait: the poller drives it, one request at a time, interleaved with the other fetchers.
"""

from collections.abc import Callable
from typing import TypeVar

from exporter.account.reference_data import ReferenceData
from exporter.account.removal_detector import Listed
from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, Request, TooManyObjectsError
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import Page
from exporter.polling.list_fetch import fetch_list
from exporter.polling.schedule import SUBSTATUSES

T = TypeVar("T")


class UserApi:
    """The version of the users' endpoints that works for this account: v2, or the retired v1."""

    def __init__(self) -> None:
        self.version = "v2"

    def with_fallback(self, fetch_version: Callable[[str], ApiTask[T]]) -> ApiTask[T]:
        """Fetch by the version that worked last, or by the other one if that fails.

        Raises:
            NotFoundError: Both versions answer 404 or 410.
        """
        try:
            return (yield from fetch_version(self.version))
        except NotFoundError:
            other = "v1" if self.version == "v2" else "v2"
            found = yield from fetch_version(other)
            self.version = other
            return found


def fetch_availabilities(lists: ReferenceData, first: int = 1) -> ApiTask[None]:
    """Fetch the availability of every user, beginning with the page `first`."""
    listed = yield from _listed(
        lists, "availabilities", endpoints.availabilities(), lists.apply_availabilities_page, first
    )
    lists.finish_availabilities(listed)
    lists.confirm("availabilities")


def fetch_users(lists: ReferenceData, api: UserApi, first: int = 1) -> ApiTask[None]:
    """Fetch all users, beginning with the page `first`."""
    listed = yield from api.with_fallback(
        lambda version: _listed(
            lists, "users", endpoints.users(version), lambda page, _: lists.apply_users_page(page), first
        )
    )
    lists.finish_users(listed)
    lists.confirm("users")


def fetch_substatuses(lists: ReferenceData, api: UserApi, first: int = 1) -> ApiTask[None]:
    """Fetch the substatuses of all users. Aircall has no list of only those who are away."""
    yield from api.with_fallback(
        lambda version: _listed(
            lists, SUBSTATUSES, endpoints.user_statuses(version), lists.apply_substatuses_page, first
        )
    )
    lists.known.add(SUBSTATUSES)


def fetch_teams(lists: ReferenceData, first: int = 1) -> ApiTask[None]:
    """Fetch all teams and their members."""
    listed = yield from _listed(
        lists, "teams", endpoints.teams(), lambda page, _: lists.apply_teams_page(page), first
    )
    lists.finish_teams(listed)
    lists.confirm("teams")


def fetch_numbers(lists: ReferenceData, first: int = 1) -> ApiTask[None]:
    """Fetch all numbers."""
    listed = yield from _listed(lists, "numbers", endpoints.numbers(), lists.apply_numbers_page, first)
    lists.finish_numbers(listed)
    lists.confirm("numbers")


def _listed(
    lists: ReferenceData, name: str, request: Request[Page[T]], apply: endpoints.PageHandler[T], first: int
) -> ApiTask[Listed]:
    """Fetch a list, beginning with the page `first`, and return the ids in it.

    If a page fails, the other pages are applied and the failure is raised, so no object is removed.
    """
    listed = Listed()

    def take(page: Page[T], at: float) -> None:
        apply(page, at)
        listed.add(page, at)
        if page.total is not None:
            lists.totals[name] = page.total

    try:
        failure = yield from fetch_list(request, take, first)
    except TooManyObjectsError:
        lists.limits["pages"] += 1
        raise
    if failure is not None:
        lists.known.add(name)
        raise ApiError(failure.code, str(failure), failure.headers)  # also if the page is not found
    return listed
