"""How a reading goes on if a part of it fails: an object, a page, or a stretch of time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import parse_qs

from exporter.account.set_aside import ObjectKind, SetAside
from exporter.aircall import endpoints
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import (
    MAX_CALLS_PER_QUERY,
    ApiTask,
    PageHandler,
    Request,
    TooManyObjectsError,
    paginate,
)
from exporter.aircall.errors import NO_ANSWER, ApiError
from exporter.aircall.limits import MAX_PAGE_ITEMS
from exporter.aircall.models import CallWithDetails, Page

T = TypeVar("T")

END_OF_QUERY = ("400", "404", "422")
"""How Aircall may answer a page behind the last one that a query gives."""


def fetch_each(
    aside: SetAside,
    kind: ObjectKind,
    ids: Iterable[int],
    now: float,
    ask_one: Callable[[int], ApiTask[object]],
) -> ApiTask[None]:
    """Ask for each object that is not set aside at `now` (UNIX seconds, our clock).

    An object that fails, or whose answer cannot be read, is left out. A request that brings no answer takes
    long, so the calls after it are left for the next reading.
    """
    for id_ in aside.askable(kind, ids, now):
        try:
            yield from ask_one(id_)
        except ApiError as error:
            aside.failed(kind, id_, str(error), now)
            if error.code in NO_ANSWER and kind == "call":
                return
        else:
            aside.worked(kind, id_)


def undecodable(kind: ObjectKind, id_: int) -> ApiError:
    """Return the failure of an object that Aircall answers with 200, but that cannot be decoded."""
    return ApiError("invalid", f"{kind} {id_}: the answer is 200, but the {kind} in it cannot be read")


def fetch_list(request: Request[Page[T]], apply: PageHandler[T]) -> ApiTask[ApiError | None]:
    """Read all pages of a list but those that fail, and return the first failure, if any.

    Two pages in a row that fail end the list, because the number of its pages is not known.
    Raises NotFoundError if there is no such list.
    """
    failure: ApiError | None = None
    following: int | None = None
    page, any_read, skipped = request, False, 0

    def read(found: Page[T], at: float) -> None:
        nonlocal following, any_read
        following, any_read = _page_number(found.next_page_link), True
        apply(found, at)

    while True:
        following = None
        try:
            yield from paginate(page, read)
        except InvalidResponseError:
            if failure is None:
                raise
            return failure
        except ApiError as error:
            if not any_read:
                raise
            failure = failure or error
            if following is None or following <= skipped:  # the page before failed too, or a link leads back
                return failure
            skipped = following
            page = replace(request, query=(*request.query, ("page", str(skipped + 1))), further=True)
        else:
            return failure


def _page_number(link: str | None) -> int | None:
    """Return the number of the page that a link leads to, or None if it names none."""
    numbers = parse_qs((link or "").partition("#")[0].partition("?")[2]).get("page", [""])
    return int(numbers[-1]) if numbers[-1].isdecimal() and len(numbers[-1]) < 10 else None


def fetch_window(
    since: int, until: int | None, apply: PageHandler[CallWithDetails], cap: int = MAX_CALLS_PER_QUERY
) -> ApiTask[None]:
    """Read all calls of a stretch of time, newest first, also if there are more than one query gives.

    Aircall ends a query after 10,000 calls (the `cap`), without a word or with an error for the page
    behind. Then the next query ends at the oldest call read. Calls of one second beyond these cannot be
    listed.
    """
    while True:
        count, oldest = 0, until

        def counting(page: Page[CallWithDetails], at: float) -> None:
            nonlocal count, oldest
            count += page.objects
            oldest = min((item.call.started_at for item in page.items), default=oldest)
            apply(page, at)

        try:
            yield from paginate(endpoints.calls(since, until), counting, cap + MAX_PAGE_ITEMS)
        except TooManyObjectsError:
            if count < cap:  # pages of next to nothing, without end
                raise
        except ApiError as error:
            if count < cap - endpoints.PER_PAGE or error.code not in END_OF_QUERY:
                raise
        else:
            if count < cap:
                return
        if oldest is None:
            return
        if until is not None and oldest > until:
            raise InvalidResponseError("the calls are later than asked for")
        until = oldest if oldest != until else oldest - 1
        if until < since:
            return
