"""The requests that the exporter makes, as data: where to ask, for what, and how to read the answer."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec

from exporter.aircall.call_decoding import decode_call, decode_calls
from exporter.aircall.decoding import InvalidResponseError, decode_object, decode_page
from exporter.aircall.limits import MAX_OBJECTS, MAX_PAGES
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
"""The most objects that a page of Aircall's holds (API reference, "Pagination")."""

API_HISTORY_S = 182 * 86400
"""How far back calls reach, in seconds (API reference: six months)."""

MAX_CALLS_PER_QUERY = 10_000
"""The most calls that one query gives, silently (API reference, "Calls")."""

FAR_FUTURE = 4_102_444_800
"""The year 2100, in UNIX seconds."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """One request. `template` is the path with ``:id`` for `id`; it names the endpoint in metrics."""

    template: str
    decode: Callable[[bytes], T]
    id: int | str | None = None
    query: tuple[tuple[str, str], ...] = ()
    method: Literal["GET", "PUT", "POST", "DELETE"] = "GET"
    content: bytes | None = None
    """JSON that goes with it."""
    further: bool = False
    """Whether it asks for a further page of a list, or for a stretch of time."""

    @property
    def is_part(self) -> bool:
        """Whether it asks for one object or a part of a list, whose failure says nothing of the rest."""
        return self.further or self.id is not None

    @property
    def path(self) -> str:
        return (
            self.template if self.id is None else self.template.replace(":id", quote(str(self.id), safe=""))
        )


@dataclass(frozen=True)
class Response(Generic[T]):
    """What came back, and when (UNIX seconds, our clock) it was asked for: it is at least that old."""

    value: T
    at: float


PageHandler = Callable[[Page[T], float], None]
"""Takes in a page, and the time (UNIX seconds, our clock) at which it was asked for."""

ApiTask = Generator[Request[Any], Response[Any], T]
"""Work that yields requests and is sent their answers: whoever drives it decides when each goes out."""


def fetch(request: Request[T]) -> ApiTask[Response[T]]:
    """Ask one thing.

    NotFoundError is raised here if Aircall answers 404 or 410, and any other ApiError if the request asks
    for a part (`Request.is_part`) and fails although lists can be read.
    """
    return (yield request)


class TooManyObjectsError(InvalidResponseError):
    """A query goes on for more pages or objects than any account can have."""


def paginate(request: Request[Page[T]], apply: PageHandler[T], most: int = MAX_OBJECTS) -> ApiTask[None]:
    """Follow `next_page_link` from `request` on, handing each page and its time to `apply`.

    Only the link's query is taken, wherever it may point, and of that not what we asked for ourselves: a link
    may leave out a bound, or have none in it, as the tutorial's sample.
    Raises InvalidAnswerError if the links lead round in a circle, or on to ever more copies of a page, and
    TooManyObjectsError if there are `most` objects and a link to more, or more than `MAX_PAGES`.
    """
    asked, seen, objects = request.query, set[str | int](), 0
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
        told = parse_qsl(link.partition("#")[0].partition("?")[2], keep_blank_values=True)
        query = (*asked, *(pair for pair in told if pair[0] not in dict(asked)))
        request = replace(request, query=query, further=True)


def listing(template: str, key: str, kind: type[T], id_: int | None = None) -> Request[Page[T]]:
    """A list, whose objects stand under `key`, in pages as large as they come."""
    return Request(template, lambda body: decode_page(body, key, kind), id_, (("per_page", str(PER_PAGE)),))


def _object(template: str, key: str, kind: type[T], id_: int) -> Request[T | None]:
    return Request(template, lambda body: decode_object(body, key, kind), id_)


def users(version: str) -> Request[Page[User]]:
    return listing(f"/{version}/users", "users", User)


def user_statuses(version: str) -> Request[Page[UserStatus]]:
    """The same list, read for what users have set themselves to."""
    return listing(f"/{version}/users", "users", UserStatus)


def user_status(version: str, id_: int) -> Request[UserStatus | None]:
    return _object(f"/{version}/users/:id", "user", UserStatus, id_)


def switch_user(version: str, id_: int, status: str) -> Request[UserStatus | None]:
    """Set a user's `availability_status`; the answer says what it is then."""
    content = msgspec.json.encode({"availability_status": status})
    return replace(user_status(version, id_), method="PUT", content=content)


def teams() -> Request[Page[Team]]:
    return listing("/v1/teams", "teams", Team)


def numbers() -> Request[Page[Number]]:
    return listing("/v1/numbers", "numbers", Number)


def availabilities() -> Request[Page[Availability]]:
    return listing("/v1/users/availabilities", "users", Availability)


def availability(user_id: int) -> Request[str | None]:
    """What one user does now, in Aircall's word."""
    return _object("/v1/users/:id/availability", "availability", str, user_id)


def calls(since: int, until: int | None = None) -> Request[Page[CallWithDetails]]:
    """Calls that started from `since` up to and with `until` (UNIX seconds), newest first."""
    bounds = [("from", str(since))] + ([] if until is None else [("to", str(until))])
    query = (("order", "desc"), *bounds, ("per_page", str(PER_PAGE)))
    return Request("/v1/calls", decode_calls, query=query, further=until is not None)


def newest_calls(count: int) -> Request[Page[CallWithDetails]]:
    """Return the request for the calls that started last."""
    query = (("order", "desc"), ("per_page", str(count)))
    return Request("/v1/calls", decode_calls, query=query, further=True)


def no_calls() -> Request[Page[CallWithDetails]]:
    """The calls of the far future: an empty list, whose answer tells the time."""
    return calls(FAR_FUTURE)


def call(id_: int) -> Request[Page[CallWithDetails]]:
    return Request("/v1/calls/:id", decode_call, id_)


def number_users(id_: int) -> Request[NumberUsers | None]:
    return _object("/v1/numbers/:id", "number", NumberUsers, id_)


def user_numbers(id_: int) -> Request[Page[Ref]]:
    return listing("/v2/users/:id/numbers", "numbers", Ref, id_=id_)


def user_with_numbers(id_: int) -> Request[UserNumbers | None]:
    """The v1 way to a user's numbers, for accounts without v2."""
    return _object("/v1/users/:id", "user", UserNumbers, id_)
