"""Tests of lists whose pages fail: the other pages are applied, and a failing API costs few requests."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from exporter.account.reference_data import ReferenceData
from exporter.aircall import endpoints
from exporter.aircall.endpoints import PER_PAGE, ApiTask, Request, Response
from exporter.aircall.errors import ApiError, NotFoundError
from exporter.aircall.models import Page, User
from exporter.polling.fetchers import UserApi, fetch_users
from exporter.polling.list_fetch import MAX_FAILED_IN_A_ROW, MAX_FAILED_PAGES, fetch_list, first_page
from harness.simulated_time import NOON

PAGES = st.integers(1, 16)
FAILING = st.frozensets(st.integers(1, 16), max_size=12)
Down = Callable[[int, int], bool]
"""Whether a request fails, by its page and by how many requests were sent before."""


@lru_cache
def page_of(pages: int, number: int, has_total: bool) -> Page[User]:
    total = PER_PAGE * (pages - 1) + 1
    ids = range(PER_PAGE * (number - 1), min(PER_PAGE * number, total))
    items = tuple(User(id_, name=str(id_)) for id_ in ids)
    link = f"https://api.aircall.io/v2/users?page={number + 1}" if number < pages else None
    return Page(items, 0, frozenset(ids), link, total if has_total else None)


class Listing:
    """A list of `pages` pages. Its last page has one object."""

    def __init__(self, pages: int, down: Down, has_total: bool = True) -> None:
        self.pages, self.down, self.has_total = pages, down, has_total
        self.requested: list[int] = []
        self.failed: list[bool] = []
        self.is_part: list[bool] = []

    def users(self, pages: Iterable[int]) -> set[int]:
        """Return the ids of the users on these pages."""
        return {user.id for page in pages for user in self.page(page).items}

    def page(self, number: int) -> Page[User]:
        return page_of(self.pages, number, self.has_total)

    def run(self, fetch: ApiTask[Any]) -> Any:
        """Answer the requests of a fetch, and return its result."""
        send: Callable[[], Request[Any]] = lambda: next(fetch)  # noqa: E731
        try:
            while True:
                request = send()
                number = int(dict(request.query).get("page", "1"))
                is_down = self.down(number, len(self.requested))
                self.requested.append(number)
                self.failed.append(is_down)
                self.is_part.append(request.is_part)
                answer = Response(self.page(number), NOON)
                error = ApiError("500", "down")
                send = (lambda: fetch.throw(error)) if is_down else (lambda: fetch.send(answer))  # noqa: B023
        except StopIteration as end:
            return end.value

    @property
    def most_failed_in_a_row(self) -> int:
        runs = [len(list(run)) for failed, run in groupby(self.failed) if failed]
        return max(runs, default=0)


def begins_at(listing: Listing, failing: frozenset[int]) -> int:
    """Return the page with which the poller begins in the end. Rejects examples without such a page."""
    total = listing.page(1).total
    starts = [first_page(failed, total) for failed in range(MAX_FAILED_IN_A_ROW + 1)]
    return next((start for start in starts if start not in failing), None) or reject()


def is_within_bounds(pages: int, start: int, failing: frozenset[int]) -> bool:
    """Return whether a fetch from page `start` reaches all pages."""
    order = (start, *range(1, start), *range(start + 1, pages + 1))
    runs = [len(list(run)) for failed, run in groupby(order, failing.__contains__) if failed]
    return max(runs, default=0) <= MAX_FAILED_IN_A_ROW and sum(runs) <= MAX_FAILED_PAGES


@given(pages=PAGES, failing=FAILING)
def test_list_pages_fail_reads_all_others_with_one_request_for_each_page(
    pages: int, failing: frozenset[int]
) -> None:
    listing = Listing(pages, lambda page, _: page in failing)
    start = begins_at(listing, failing)
    assume(is_within_bounds(pages, start, failing))
    read: list[User] = []
    failure = listing.run(fetch_list(endpoints.users("v2"), lambda page, _: read.extend(page.items), start))
    found = set(range(1, pages + 1)) - failing
    assert {user.id for user in read} == listing.users(found)
    assert sorted(listing.requested) == list(range(1, pages + 1))
    assert listing.is_part == [False, *[True] * (pages - 1)]
    assert (failure is None) == (len(found) == pages)


@given(pages=PAGES, failing=FAILING.filter(bool))
def test_list_pages_fail_removes_no_user_and_adds_those_that_were_read(
    pages: int, failing: frozenset[int]
) -> None:
    listing = Listing(pages, lambda page, _: page in failing)
    start = begins_at(listing, failing)
    assume(failing & set(range(1, pages + 1)))
    assume(is_within_bounds(pages, start, failing))
    all_users, lists = listing.users(range(1, pages + 1)), ReferenceData(set())
    for known in (listing.users(set(range(1, pages + 1)) - failing), all_users, all_users):
        with pytest.raises(ApiError):
            listing.run(fetch_users(lists, UserApi(), start))
        assert lists.directory.users.keys() == known
        Listing(pages, lambda *_: False).run(fetch_users(lists, UserApi()))


@given(pages=PAGES, before=st.integers(1, 20), start=st.integers(1, 3), has_total=st.booleans())
def test_list_api_goes_down_during_a_fetch_costs_three_requests_at_most(
    pages: int, before: int, start: int, has_total: bool
) -> None:
    listing = Listing(pages, lambda _, sent: sent >= before, has_total)
    assume(start <= pages)
    listing.run(fetch_list(endpoints.users("v2"), lambda *_: None, start))
    assert sum(listing.failed) <= (3 if has_total else max(2, start))


@given(pages=PAGES, failing=FAILING, start=st.integers(1, 3), has_total=st.booleans())
def test_list_any_pages_fail_costs_at_most_a_request_for_each_page_and_one(
    pages: int, failing: frozenset[int], start: int, has_total: bool
) -> None:
    listing = Listing(pages, lambda page, _: page in failing, has_total)
    assume(start not in failing and start <= pages)
    listing.run(fetch_list(endpoints.users("v2"), lambda *_: None, start))
    assert len(listing.requested) == len(set(listing.requested)) <= pages + (not has_total)
    assert listing.most_failed_in_a_row <= MAX_FAILED_IN_A_ROW + 1
    assert sum(listing.failed) <= MAX_FAILED_PAGES + 1


@pytest.mark.parametrize("answer", ["404", "an empty page", "an empty page without a total"])
def test_list_without_the_page_to_begin_with_is_read_from_the_first(answer: str) -> None:
    listing, read = Listing(1, lambda *_: False, has_total="without" not in answer), list[int]()
    fetch = fetch_users(lists := ReferenceData(set()), UserApi(), 2)
    assert dict(next(fetch).query)["page"] == "2"
    beyond = Page[User]((), 0, frozenset(), None, listing.page(1).total)
    with pytest.raises(StopIteration):
        request = (
            fetch.throw(NotFoundError("404", "")) if answer == "404" else fetch.send(Response(beyond, 0))
        )
        read.append(int(dict(request.query).get("page", "1")))
        fetch.send(Response(listing.page(1), NOON))
    assert read == [1]
    assert lists.directory.users.keys() == {0}
