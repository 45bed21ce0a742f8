"""Fetch a list page by page, and read past the pages that fail."""

import math
from dataclasses import replace
from typing import Generic, TypeVar
from urllib.parse import parse_qs

from exporter.aircall.data_limits import MAX_OBJECTS
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import PER_PAGE, ApiTask, PageHandler, Request, fetch, paginate
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import Page

T = TypeVar("T")

MAX_FAILED_IN_A_ROW = 2
"""Requests in a row that may fail in one fetch. After one more, the API is probably down."""

MAX_FAILED_PAGES = 10
"""Pages that may be skipped in one fetch."""


def first_page(failed_starts: int, total: int | None) -> int:
    """Return the page with which to begin: page 1, or one after it if beginning has failed.

    Args:
        failed_starts: How many fetches in a row have failed because of the page with which they began.
        total: The number of objects by the last `meta.total`, or None if it is not known.
    """
    most = MAX_FAILED_IN_A_ROW + 1
    pages = most if total is None else min(most, math.ceil(total / PER_PAGE))
    return 1 + failed_starts % max(1, pages)


def fetch_list(request: Request[Page[T]], apply: PageHandler[T], first: int = 1) -> ApiTask[ApiError | None]:
    """Fetch all pages of a list except those that fail, and return the first failure, if any.

    After a page that fails, the fetch continues with the next page if there is one by `meta.total`. Without
    a total, one page is tried.

    Args:
        request: The request for the list.
        apply: Handles each page.
        first: The page with which the fetch begins. The pages before it follow. An error of the first page
            is not handled here, because all requests may fail.

    Raises:
        NotFoundError: There is no such list.
    """
    fetching = _ListFetch(request, apply)
    try:
        yield from fetching.to_end(request, 1) if first == 1 else fetching.beginning_at(first)
    except InvalidResponseError:
        if fetching.failure is None:
            raise
    return fetching.failure


class _ListFetch(Generic[T]):
    """One fetch of a list: what was read, and what failed."""

    def __init__(self, request: Request[Page[T]], apply: PageHandler[T]) -> None:
        self.failure: ApiError | None = None
        """The first failure."""
        self._request, self._apply = request, apply
        self._objects = 0
        self._next: int | None = None
        """The page to request next: the one to which the last page links. None if there is no number."""
        self._last: int | None = None
        """The last page by `meta.total`."""
        self._any_read = False
        self._failed = self._failed_in_a_row = 0

    def beginning_at(self, first: int) -> ApiTask[None]:
        """Fetch the page `first`, the pages before it, and then those after it."""
        try:
            yield from self._fetch_page(replace(self._page(first), further=False))
        except (NotFoundError, InvalidResponseError):  # the list has fewer pages
            yield from self.to_end(self._request, 1)
            return
        following = self._next
        for number in range(1, first):
            try:
                yield from self._fetch_page(self._page(number))
            except ApiError as error:
                self._count(error)
        if following is not None:
            yield from self.to_end(self._page(following), following)

    def to_end(self, request: Request[Page[T]], number: int) -> ApiTask[None]:
        """Follow the links from page `number` on, which `request` is for, and skip pages that fail."""
        while True:
            self._next = number
            try:
                yield from paginate(request, self._take, MAX_OBJECTS - self._objects)
            except ApiError as error:
                if not self._any_read:
                    raise
                self._count(error)
            else:
                return
            failed = self._next
            if failed is None or failed < number or not self._has_page_after(failed):  # a link may lead back
                return
            number = failed + 1
            request = self._page(number)

    def _fetch_page(self, request: Request[Page[T]]) -> ApiTask[None]:
        answer = yield from fetch(request)
        self._take(answer.value, answer.at)

    def _take(self, page: Page[T], at: float) -> None:
        self._apply(page, at)
        self._objects += page.objects
        self._next = _page_number(page.next_page_link)
        self._last = math.ceil(page.total / PER_PAGE) if page.total else self._last
        self._any_read, self._failed_in_a_row = True, 0

    def _count(self, error: ApiError) -> None:
        self.failure = self.failure or error
        self._failed += 1
        self._failed_in_a_row += 1

    def _has_page_after(self, number: int) -> bool:
        """Return whether to continue after the page `number`, which failed."""
        if self._failed_in_a_row > MAX_FAILED_IN_A_ROW or self._failed > MAX_FAILED_PAGES:
            return False
        return self._failed_in_a_row == 1 if self._last is None else number < self._last

    def _page(self, number: int) -> Request[Page[T]]:
        return replace(self._request, query=(*self._request.query, ("page", str(number))), further=True)


def _page_number(link: str | None) -> int | None:
    """Return the number of the page that a link leads to, or None if the link has no such number."""
    numbers = parse_qs((link or "").partition("#")[0].partition("?")[2]).get("page", [""])
    return int(numbers[-1]) if numbers[-1].isdecimal() and len(numbers[-1]) < 10 else None
