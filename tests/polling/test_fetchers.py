"""Tests of fetching more calls than one query returns, whether it ends silently or with an error."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.endpoints import PER_PAGE, Request, Response
from exporter.aircall.errors import ApiError
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Page
from exporter.archive.store import Archive
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.polling import partial_fetch
from exporter.simulator.faults import Fault, limited_to_10k
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows

HOUR = 3600
CAP = 500
"""Maximum calls of a query in the tests without HTTP."""


def many_calls(calls: int, begin: float) -> SimulatedAccount:
    """Return a company with this number of missed calls, four per second."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    for position in range(calls):
        at = begin + position // 4
        account.miss(account.ring_in(number, "anonymous", at=at).id, "short_abandoned", at=at + 5)
    return account


def test_backfill_pages_beyond_the_end_are_refused_fetches_all_calls(tmp_path: Any) -> None:
    account, database = many_calls(10_300, NOON - 5 * HOUR), f"sqlite:///{tmp_path}/archive.sqlite"
    backfill = Storage(backfill=Duration(6 * HOUR))
    with polled(account, archive=Archive(database), served={"rate_limit": 6000}, storage=backfill) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", limited_to_10k()))
        while not world.poller.account.coverage.fetched or world.poller.account.coverage.seconds_missing:
            assert world.time.now < NOON + 600
            world.step(NOON + 600)
        refused = [request for request in world.aircall.requests if request.status == 400]
        assert len(refused) == 1
        assert world.scrape().sum("aircall_exporter_objects_set_aside") == 0
    assert len(rows(database)) == 10_300


def test_first_poll_pages_beyond_the_end_are_refused_fetches_all_calls() -> None:
    account = many_calls(10_300, NOON - HOUR)
    with polled(account, served={"rate_limit": 6000}, activity_period=Duration(2 * HOUR)) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", limited_to_10k()))
        world.poll()
        assert world.scrape().sum("aircall_number_period_calls", period="recent", outcome="missed") == 10_300
        world.poll()  # the first one takes longer than the age up to which data is current
        assert world.scrape().value("aircall_up") == 1
        assert len([request for request in world.aircall.requests if request.status == 400]) <= 2


class Listed:
    """A list of calls by their starts, of which a query returns a limited number."""

    def __init__(self, starts: list[int], refusal: str | None) -> None:
        self._starts, self._refusal = sorted(starts, reverse=True), refusal
        self.requests = 0
        self.read: set[int] = set()

    def fetch_window(self, since: int, until: int | None) -> None:
        """Fetch a window of time as a poll does."""
        fetch = partial_fetch.fetch_window(since, until, self._take, CAP)
        try:
            request = next(fetch)
            while True:
                self.requests += 1
                assert self.requests < 2000
                try:
                    page = self._answer(request)
                except ApiError as error:
                    request = fetch.throw(error)
                else:
                    request = fetch.send(Response(page, NOON))
        except StopIteration:
            return

    def _take(self, page: Page[CallWithDetails], _: float) -> None:
        self.read |= {item.call.id for item in page.items}

    def _answer(self, request: Request[Any]) -> Page[CallWithDetails]:
        query = dict(request.query)
        first, last = int(query["from"]), int(query.get("to", 2**40))
        found = [(i, start) for i, start in enumerate(self._starts) if first <= start <= last]
        begin = (int(query.get("page", 1)) - 1) * PER_PAGE
        if begin >= CAP and self._refusal == "the last page again":
            begin = CAP - PER_PAGE
        if begin >= CAP and self._refusal == "empty pages":
            link = f"https://api.aircall.io/v1/calls?page={begin // PER_PAGE + 2}"
            return Page((), 0, frozenset(), link)
        if begin >= CAP:
            raise ApiError(self._refusal or "400", "limited to 10k results")
        items = tuple(
            CallWithDetails(Call(i, "inbound", "done", start), CallDetails())
            for i, start in found[begin:][:PER_PAGE]
        )
        end = begin + len(items)
        more = end < min(len(found), CAP) or (self._refusal is not None and end >= CAP)
        next_link = f"https://api.aircall.io/v1/calls?page={begin // PER_PAGE + 2}" if more else None
        return Page(items, 0, frozenset(item.call.id for item in items), next_link)


REFUSALS = [None, "400", "404", "422", "the last page again", "empty pages"]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("calls", [CAP - 1, CAP, CAP + 1, 2 * CAP])
@pytest.mark.parametrize("start", [lambda i: i, lambda i: i // 7, lambda i: i // 300], ids=["1", "7", "300"])
def test_fetch_window_query_ends_in_any_way_fetches_every_call(
    calls: int, refusal: str | None, start: Callable[[int], int]
) -> None:
    listed = Listed([1_000_000 + start(i) for i in range(calls)], refusal)
    listed.fetch_window(1_000_000, None)
    assert len(listed.read) == calls
    assert listed.requests <= 1.1 * calls / PER_PAGE + 12


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("until", [None, 1_000_020])
def test_fetch_window_more_calls_in_a_second_than_in_a_query_ends(
    refusal: str | None, until: int | None
) -> None:
    starts = [1_000_000] * 10 + [1_000_010] * (CAP + 200) + [1_000_011] * 20
    listed = Listed(starts, refusal)
    listed.fetch_window(999_990, until)
    assert len(listed.read) >= CAP + 10
    assert {*range(20), *range(len(starts) - 10, len(starts))} <= listed.read


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 2 * CAP)), max_size=6), st.sampled_from(REFUSALS)
)
def test_fetch_window_crowded_seconds_fetches_a_query_of_each(
    calls_by_second: list[tuple[int, int]], refusal: str | None
) -> None:
    starts = [second for second, calls in calls_by_second for _ in range(calls)]
    per_second = {second: starts.count(second) for second in starts}
    listed = Listed(starts, refusal)
    listed.fetch_window(0, 50)
    assert len(listed.read) >= sum(min(CAP, calls) for calls in per_second.values())
