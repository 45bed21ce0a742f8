"""Request one page of each of an account's lists, to find out what the account provides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, Request, fetch, paginate
from exporter.aircall.errors import NO_ANSWER, ApiError, CredentialError, NotFoundError
from exporter.aircall.known_fields import unknown_fields
from exporter.aircall.models import Page
from exporter.cli.api_runner import ApiRunner
from exporter.webhooks.registration import webhooks

T = TypeVar("T")

LATEST_CALLS = 50
"""How many of the latest calls are examined."""


@dataclass(frozen=True)
class Listed:
    """What was fetched of a list, and the fields of its objects that this version does not know."""

    items: tuple[Any, ...]
    malformed: int
    unknown: frozenset[str]


@dataclass(frozen=True)
class Survey:
    """What the account has answered."""

    users_version: str
    """The version of the users' endpoints that works, or "" if neither does."""
    lists: Mapping[str, Listed | ApiError]
    """By list: its first page, or why it could not be fetched. Lists that were not requested are missing."""

    def items(self, name: str) -> tuple[Any, ...]:
        """Return the objects of a list, or nothing if it could not be fetched."""
        found = self.lists.get(name)
        return found.items if isinstance(found, Listed) else ()


@dataclass
class _Pages:
    """Collects pages, and the unknown fields of their objects."""

    key: str
    items: list[Any] = field(default_factory=list)
    malformed: int = 0
    unknown: set[str] = field(default_factory=set)

    def watched(self, request: Request[T]) -> Request[T]:
        """Return the request with a decoder that records unknown fields."""

        def decode(body: bytes) -> T:
            self.unknown |= unknown_fields(body, self.key)
            return request.decode(body)

        return replace(request, decode=decode)

    def add(self, page: Page[Any], _: float) -> None:
        """Add a page."""
        self.items += page.items
        self.malformed += page.malformed


def survey(runner: ApiRunner) -> Survey:
    """Send about six requests. If the first one shows that no request can work, no other one is sent."""
    version, users = _users(runner)
    lists: dict[str, Listed | ApiError] = {"users": users}
    if not (isinstance(users, CredentialError) or (isinstance(users, ApiError) and users.code in NO_ANSWER)):
        for name, key, request in (
            ("availabilities", "users", endpoints.availabilities()),
            ("teams", "teams", endpoints.teams()),
            ("numbers", "numbers", endpoints.numbers()),
            ("calls", "calls", endpoints.newest_calls(LATEST_CALLS)),
        ):
            lists[name] = _listed(runner, key, request, _first)
        lists["webhooks"] = _listed(runner, "webhooks", webhooks(), paginate)
    return Survey(version, lists)


def _users(runner: ApiRunner) -> tuple[str, Listed | ApiError]:
    for version in ("v2", "v1"):
        found = _listed(runner, "users", endpoints.user_statuses(version), _first)
        if not isinstance(found, NotFoundError):
            return ("" if isinstance(found, ApiError) else version), found
    return "", found


def _listed(
    runner: ApiRunner,
    key: str,
    request: Request[Page[Any]],
    fetch_pages: Callable[[Request[Page[Any]], endpoints.PageHandler[Any]], ApiTask[None]],
) -> Listed | ApiError:
    pages = _Pages(key)
    try:
        runner.run(fetch_pages(pages.watched(request), pages.add))
    except ApiError as error:
        return error
    return Listed(tuple(pages.items), pages.malformed, frozenset(pages.unknown))


def _first(request: Request[Page[T]], apply: endpoints.PageHandler[T]) -> ApiTask[None]:
    answer = yield from fetch(request)
    apply(answer.value, answer.at)
