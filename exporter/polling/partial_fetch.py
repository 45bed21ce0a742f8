"""Continue a fetch if a part of it fails: an object, or a range of time."""

from collections.abc import Callable, Iterable

from exporter.account.failing_objects import ObjectKind, SetAside
from exporter.aircall import endpoints
from exporter.aircall.data_limits import MAX_PAGE_ITEMS
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import (
    MAX_CALLS_PER_QUERY,
    ApiTask,
    PageHandler,
    TooManyObjectsError,
    paginate,
)
from exporter.aircall.errors import NO_ANSWER, ApiError
from exporter.aircall.models import CallWithDetails, Page

END_OF_QUERY = ("400", "404", "422")
"""Codes with which Aircall may answer a request for a page after the last one of a query."""


def fetch_each(
    aside: SetAside,
    kind: ObjectKind,
    ids: Iterable[int],
    now: float,
    fetch_one: Callable[[int], ApiTask[object]],
) -> ApiTask[None]:
    """Fetch each object that is not set aside at `now` (UNIX seconds, our clock).

    An object that fails, or that cannot be decoded, is left out. A request without an answer takes long, so
    the next fetch continues with the calls after it.
    """
    for id_ in aside.requestable(kind, ids, now):
        try:
            yield from fetch_one(id_)
        except ApiError as error:
            aside.failed(kind, id_, str(error), now)
            if error.code in NO_ANSWER and kind == "call":
                return
        else:
            aside.worked(kind, id_)


def undecodable(kind: ObjectKind, id_: int) -> ApiError:
    """Return the error for an object that Aircall answers with 200, but that cannot be decoded."""
    return ApiError("invalid", f"{kind} {id_}: the answer is 200, but the {kind} in it cannot be decoded")


def fetch_window(
    since: int, until: int | None, apply: PageHandler[CallWithDetails], cap: int = MAX_CALLS_PER_QUERY
) -> ApiTask[None]:
    """Fetch all calls of a range, newest first, also if there are more than one query returns.

    Aircall ends a query after 10,000 calls (`cap`), silently or with an error for the next page. The next
    query then ends at the oldest call so far. Further calls of one second cannot be listed.
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
        except InvalidResponseError as error:  # the page after the last one may be any page
            least = cap if isinstance(error, TooManyObjectsError) else cap - endpoints.PER_PAGE
            if count < least:
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
            raise InvalidResponseError("the calls are later than requested")
        until = oldest if oldest != until else oldest - 1
        if until < since:
            return
