"""Tests of the request budget."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.headers import Headers, read_headers
from exporter.aircall.request_budget import DEFAULT_BACKOFF_S, LIMIT_OVERLAP_S, LIMIT_VALID_S, RequestBudget

NOW = 1_780_000_000.0


@given(
    limit=st.floats(3, 1000),
    share=st.floats(0.1, 1),
    pauses=st.lists(st.floats(0, 90), min_size=1, max_size=300),
)
def test_budget_any_pauses_allows_its_requests_in_each_minute(
    limit: float, share: float, pauses: list[float]
) -> None:
    budget = RequestBudget(share, limit)
    now, sent = NOW, []
    for pause in pauses:
        now = max(now + pause, budget.ready_at)
        budget.acquire(now)
        sent.append(now)
    for position, start in enumerate(sent):
        assert bisect_right(sent, start + 60) - position <= budget.requests_per_minute + 1e-6


@given(
    limit=st.floats(3, 1000),
    share=st.floats(0.1, 1),
    pauses=st.lists(st.floats(0, 90), min_size=1, max_size=100),
    after=st.floats(0, 30),
    later_pauses=st.lists(st.floats(0, 90), min_size=1, max_size=100),
)
def test_budget_after_a_takeover_allows_its_requests_in_each_minute(
    limit: float, share: float, pauses: list[float], after: float, later_pauses: list[float]
) -> None:
    first, second = RequestBudget(share, limit), RequestBudget(share, limit)
    now, sent = NOW, []
    for budget, waits in ((first, pauses), (second, later_pauses)):
        for pause in waits:
            now = max(now + pause, budget.ready_at)
            budget.acquire(now)
            sent.append(now)
        second.assume_exhausted(since=now)
        now += after
    for position, start in enumerate(sent):
        assert bisect_right(sent, start + 60) - position <= first.requests_per_minute + 1e-6


@given(limit=st.floats(2, 1000), latency=st.floats(0, 0.05))
def test_budget_without_pauses_allows_nearly_all_its_requests(limit: float, latency: float) -> None:
    budget = RequestBudget(1, limit)
    now, sent = NOW, 0
    while now < NOW + 600:
        now = max(now, budget.ready_at) + latency
        budget.acquire(now)
        sent += 1
    assert sent >= 0.97 * 10 * int(limit)
    assert sent >= 0.97 * 10 * budget.sustained


def longest_gap(budget: RequestBudget, now: float, requests: int) -> float:
    longest = 0.0
    for _ in range(requests):
        ready = max(now, budget.ready_at)
        longest = max(longest, ready - now)
        now = ready
        budget.acquire(now)
    return longest


def test_budget_without_pauses_spreads_requests_evenly() -> None:
    budget = RequestBudget(0.8, 60)
    pace = 60 / budget.sustained
    assert longest_gap(budget, NOW, 500) < 48 / 12 * pace + 0.01  # once, after the first burst
    later = NOW + 500 * pace + 10
    assert longest_gap(budget, later, 40) < pace + 0.01


def test_budget_after_a_slow_response_allows_the_next_request_at_once() -> None:
    budget = RequestBudget(0.8, 60)
    for moment in range(20):
        budget.acquire(NOW + 2 * moment)
    late = NOW + 2 * 20 + 10
    budget.acquire(late)
    assert budget.ready_at <= late


def test_limit_until_another_is_announced_is_sixty() -> None:
    budget = RequestBudget(0.8)
    assert (budget.limit, budget.requests_per_minute) == (60, 48)
    budget.update_from_headers(Headers(limit=120), NOW)
    assert (budget.limit, budget.requests_per_minute) == (120, 96)
    budget.update_from_headers(Headers(), NOW)
    assert budget.limit == 120


def test_limit_configured_above_the_announced_one_is_the_announced_one() -> None:
    budget = RequestBudget(0.5, 100)
    assert budget.limit == 100
    budget.update_from_headers(Headers(limit=120), NOW)
    assert budget.limit == 100
    budget.update_from_headers(Headers(limit=60), NOW)
    assert budget.limit == 60


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (Headers(reset=NOW + 17), 17),
        (Headers(reset=NOW - 5), DEFAULT_BACKOFF_S),
        (Headers(reset=NOW + 86400), DEFAULT_BACKOFF_S),
        (Headers(reset=NOW - 5, retry_after=8), 8),
        (Headers(), DEFAULT_BACKOFF_S),
    ],
)
def test_budget_after_a_429_allows_no_request_until_the_reset(headers: Headers, wait: float) -> None:
    budget = RequestBudget(0.8)
    assert budget.on_rate_limited(headers, NOW) == NOW + wait
    assert budget.ready_at == NOW + wait


def test_on_rate_limited_clock_of_aircall_ahead_corrects_the_reset() -> None:
    budget = RequestBudget(0.8)
    assert budget.on_rate_limited(Headers(reset=NOW + 600 + 20), NOW, server_ahead=600) == NOW + 20


def test_budget_without_remaining_requests_waits_for_the_reset() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60, remaining=0, reset=NOW + 12), NOW)
    assert budget.ready_at == NOW + 12
    assert budget.remaining == 0


@pytest.mark.parametrize("text", ["1780000012", "1780000012000"])
def test_read_headers_reset_in_any_unit_is_in_seconds(text: str) -> None:
    assert read_headers({"X-AircallApi-Reset": text}).reset == 1780000012


@given(
    st.dictionaries(
        st.sampled_from(
            ["X-AircallApi-Limit", "X-AircallApi-Remaining", "X-AircallApi-Reset", "Retry-After", "Date"]
        ),
        st.text(),
    )
)
def test_budget_any_headers_stays_usable(headers: dict[str, str]) -> None:
    budget = RequestBudget(0.8)
    read = read_headers(headers)
    budget.update_from_headers(read, NOW)
    assert budget.on_rate_limited(read, NOW) > NOW
    assert budget.requests_per_minute > 0


announcements = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([30, 60, 120, 240]), st.floats(0.1, 2000)),
    min_size=1,
    max_size=60,
)


@given(announcements)
def test_limit_endpoints_announce_several_is_the_smallest_recent_one(
    announced: list[tuple[str, int, float]],
) -> None:
    budget, now, history = RequestBudget(0.8), NOW, []
    for endpoint, limit, pause in announced:
        now += pause
        budget.update_from_headers(Headers(limit=limit), now, endpoint=endpoint)
        history.append((endpoint, limit, now))
        last = {name: (value, at) for name, value, at in history}
        valid = {value for value, at in last.values() if now - at <= LIMIT_VALID_S}
        valid |= {value for _, value, at in history if now - at <= LIMIT_OVERLAP_S}
        assert budget.limit == min(valid)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(20, 500)), min_size=2, max_size=8),
    st.floats(0.1, 7),
)
def test_limit_while_responses_disagree_repeatedly_is_the_smallest(
    cycle: list[tuple[str, int]], pause: float
) -> None:
    budget, limits = RequestBudget(0.8), set()
    for turn in range(20):
        for position, (endpoint, limit) in enumerate(cycle):
            budget.update_from_headers(
                Headers(limit=limit), NOW + pause * (turn * len(cycle) + position), endpoint=endpoint
            )
            limits |= {budget.limit} if turn else set()
    assert limits == {min(limit for _, limit in cycle)}


def test_limit_raised_applies_after_a_minute() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60), NOW, endpoint="/v1/calls")
    budget.update_from_headers(Headers(limit=120), NOW + 1, endpoint="/v1/calls")
    assert budget.limit == 60
    budget.update_from_headers(Headers(limit=120), NOW + 62, endpoint="/v1/calls")
    assert budget.limit == 120


def test_limit_of_a_rarely_fetched_endpoint_expires() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60), NOW, endpoint="/v1/teams")
    for seconds, limit in ((10, 60), (890, 60), (910, 120)):
        budget.update_from_headers(Headers(limit=120), NOW + seconds, endpoint="/v1/calls")
        assert budget.limit == limit
