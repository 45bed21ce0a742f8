"""The requests to Aircall's API, as data: path, query, body and decoder."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec

from exporter.aircall.call_decoding import decode_call, decode_calls
from exporter.aircall.data_limits import MAX_OBJECTS, MAX_PAGES
from exporter.aircall.decoding import InvalidResponseError, decode_object, decode_page
from exporter.aircall.models import (
    Availability,
    CallWithDetails,
    Number,
    NumberUsers,
    Page,
    Ref,
    Team,
    User,
    UserNumbers,
    UserStatus,
)

T = TypeVar("T")

PER_PAGE = 50
"""Maximum number of objects on a page (API reference, "Pagination")."""

MAX_CALLS_PER_QUERY = 10_000
"""Maximum number of calls that one query returns, without an error (API reference, "Calls")."""

WITH_MENUS = (("fetch_call_timeline", "true"), ("fetch_aiva_conv", "true"))
"""Parameters that add to calls the options chosen in menus, and the AI voice agents that took part.

Companies that have neither get the same calls without them (API reference, "Calls").
"""

FAR_FUTURE = 4_102_444_800
"""The year 2100, in UNIX seconds."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """One request. `template` is the path with `:id` in place of `id`; it names the endpoint in metrics."""

    template: str
    decode: Callable[[bytes], T]
    id: int | str | None = None
    query: tuple[tuple[str, str], ...] = ()
    method: Literal["GET", "PUT", "POST", "DELETE"] = "GET"
    content: bytes | None = None
    """The JSON body."""
    further: bool = False
    """Whether it requests a further page of a list, or a range of time."""

    @property
    def is_part(self) -> bool:
        """Whether it requests one object or a part of a list. If it fails, other requests may still work."""
        return self.further or self.id is not None

    @property
    def path(self) -> str:
        """The path, with the object's id in the place of `:id`."""
        return (
            self.template if self.id is None else self.template.replace(":id", quote(str(self.id), safe=""))
        )


@dataclass(frozen=True)
class Response(Generic[T]):
    """A decoded response, and when it was requested (UNIX seconds, our clock)."""

    value: T
    at: float


PageHandler = Callable[[Page[T], float], None]
"""Handles a page, and the time at which it was requested (UNIX seconds, our clock)."""

ApiTask = Generator[Request[Any], Response[Any], T]
"""A generator that yields requests and is sent their responses. Its caller decides when to send each."""


def fetch(request: Request[T]) -> ApiTask[Response[T]]:
    """Request one object or page.

    Raises:
        NotFoundError: If Aircall answers 404 or 410.
        ApiError: If the request is for a part (`Request.is_part`) and fails although lists can be fetched.
    """
    return (yield request)


class TooManyObjectsError(InvalidResponseError):
    """A query has more pages or objects than any account can have."""


def paginate(request: Request[Page[T]], apply: PageHandler[T], most: int = MAX_OBJECTS) -> ApiTask[None]:
    """Follow `next_page_link` from `request` on, and pass each page and its time to `apply`.

    Only the query of a link is used, and of that only parameters that `request` does not set: links may lack
    its bounds, as in the tutorial's sample. `request` may be for any page.

    Raises:
        InvalidResponseError: If a link or a page repeats.
        TooManyObjectsError: If there are `most` objects and more to come, or more than `MAX_PAGES` pages.
    """
    own_query = tuple(pair for pair in request.query if pair[0] != "page")
    seen, objects = set[str | int](), 0
    while True:
        answer = yield from fetch(request)
        page: Page[T] = answer.value
        apply(page, answer.at)
        link = page.next_page_link
        if not link:
            return
        ids = hash(page.ids)
        if link in seen or ids in seen:
            raise InvalidResponseError("the next_page_link leads back to a page that was read before")
        seen |= {link, ids}
        objects += page.objects
        if objects >= most or len(seen) >= 2 * MAX_PAGES:
            raise TooManyObjectsError(f"the query goes on after {objects} objects on {len(seen) // 2} pages")
        link_query = parse_qsl(link.partition("#")[0].partition("?")[2], keep_blank_values=True)
        query = (*own_query, *(pair for pair in link_query if pair[0] not in dict(own_query)))
        request = replace(request, query=query, further=True)


def listing(template: str, key: str, kind: type[T], id_: int | None = None) -> Request[Page[T]]:
    """Return the request for a list whose objects are in the field `key`, in pages of maximum size."""
    return Request(template, lambda body: decode_page(body, key, kind), id_, (("per_page", str(PER_PAGE)),))


def _object(template: str, key: str, kind: type[T], id_: int) -> Request[T | None]:
    return Request(template, lambda body: decode_object(body, key, kind), id_)


def users(version: str) -> Request[Page[User]]:
    """Return the request for a page of users."""
    return listing(f"/{version}/users", "users", User)


def user_statuses(version: str) -> Request[Page[UserStatus]]:
    """Return the request for the list of users, decoded for their availability status."""
    return listing(f"/{version}/users", "users", UserStatus)


def user_status(version: str, id_: int) -> Request[UserStatus | None]:
    """Return the request for a user's availability status and substatus."""
    return _object(f"/{version}/users/:id", "user", UserStatus, id_)


def switch_user(version: str, id_: int, status: str) -> Request[UserStatus | None]:
    """Return the request that sets a user's `availability_status`. The response holds the new status."""
    content = msgspec.json.encode({"availability_status": status})
    return replace(user_status(version, id_), method="PUT", content=content)


def teams() -> Request[Page[Team]]:
    """Return the request for a page of teams."""
    return listing("/v1/teams", "teams", Team)


def numbers() -> Request[Page[Number]]:
    """Return the request for a page of numbers."""
    return listing("/v1/numbers", "numbers", Number)


def availabilities() -> Request[Page[Availability]]:
    """Return the request for a page of the users' availabilities."""
    return listing("/v1/users/availabilities", "users", Availability)


def availability(user_id: int) -> Request[str | None]:
    """Return the request for one user's availability, in Aircall's word."""
    return _object("/v1/users/:id/availability", "availability", str, user_id)


def calls(since: int, until: int | None = None) -> Request[Page[CallWithDetails]]:
    """Return the request for calls that started from `since` to `until` (inclusive), newest first."""
    bounds = [("from", str(since))] + ([] if until is None else [("to", str(until))])
    query = (("order", "desc"), *bounds, ("per_page", str(PER_PAGE)), *WITH_MENUS)
    return Request("/v1/calls", decode_calls, query=query, further=until is not None)


def newest_calls(count: int) -> Request[Page[CallWithDetails]]:
    """Return the request for the calls that started last."""
    query = (("order", "desc"), ("per_page", str(count)), *WITH_MENUS)
    return Request("/v1/calls", decode_calls, query=query, further=True)


def no_calls() -> Request[Page[CallWithDetails]]:
    """Return the request for calls of the far future: an empty list, used for the `Date` of its response."""
    return calls(FAR_FUTURE)


def call(id_: int) -> Request[Page[CallWithDetails]]:
    """Return the request for a call by its id."""
    return Request("/v1/calls/:id", decode_call, id_, query=WITH_MENUS)


def number_users(id_: int) -> Request[NumberUsers | None]:
    """Return the request for the users of a number."""
    return _object("/v1/numbers/:id", "number", NumberUsers, id_)


def user_numbers(id_: int) -> Request[Page[Ref]]:
    """Return the request for a page of the numbers of a user."""
    return listing("/v2/users/:id/numbers", "numbers", Ref, id_=id_)


def user_with_numbers(id_: int) -> Request[UserNumbers | None]:
    """Return the v1 request for a user's numbers, for accounts without v2."""
    return _object("/v1/users/:id", "user", UserNumbers, id_)
