from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.budget import DEFAULT_BACKOFF_S, LIMIT_OVERLAP_S, LIMIT_VALID_S, RequestBudget
from exporter.aircall.headers import Headers, read_headers

NOW = 1_780_000_000.0


@given(
    limit=st.floats(3, 1000),
    share=st.floats(0.1, 1),
    pauses=st.lists(st.floats(0, 90), min_size=1, max_size=300),
)
def test_no_sliding_minute_holds_more_than_the_budget(
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
    further=st.lists(st.floats(0, 90), min_size=1, max_size=100),
)
def test_nor_does_one_in_which_another_exporter_takes_over(
    limit: float, share: float, pauses: list[float], after: float, further: list[float]
) -> None:
    first, second = RequestBudget(share, limit), RequestBudget(share, limit)
    now, sent = NOW, []
    for budget, waits in ((first, pauses), (second, further)):
        for pause in waits:
            now = max(now + pause, budget.ready_at)
            budget.acquire(now)
            sent.append(now)
        second.assume_exhausted(since=now)
        now += after
    for position, start in enumerate(sent):
        assert bisect_right(sent, start + 60) - position <= first.requests_per_minute + 1e-6


@given(limit=st.floats(2, 1000), latency=st.floats(0, 0.05))
def test_an_eager_poller_gets_nearly_all_of_it(limit: float, latency: float) -> None:
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


def test_the_board_never_stands_still_for_long() -> None:
    budget = RequestBudget(0.8, 60)
    pace = 60 / budget.sustained
    assert longest_gap(budget, NOW, 500) < 48 / 12 * pace + 0.01  # once, for what went out at once at first
    later = NOW + 500 * pace + 10
    assert longest_gap(budget, later, 40) < pace + 0.01


def test_what_a_slow_answer_held_up_is_made_up_for() -> None:
    budget = RequestBudget(0.8, 60)
    for moment in range(20):
        budget.acquire(NOW + 2 * moment)
    late = NOW + 2 * 20 + 10
    budget.acquire(late)
    assert budget.ready_at <= late


def test_the_limit_is_sixty_until_aircall_announces_another() -> None:
    budget = RequestBudget(0.8)
    assert (budget.limit, budget.requests_per_minute) == (60, 48)
    budget.update_from_headers(Headers(limit=120), NOW)
    assert (budget.limit, budget.requests_per_minute) == (120, 96)
    budget.update_from_headers(Headers(), NOW)
    assert budget.limit == 120


def test_a_limit_that_is_set_is_never_above_what_aircall_announces() -> None:
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
def test_after_a_429_nothing_goes_out_until_the_reset(headers: Headers, wait: float) -> None:
    budget = RequestBudget(0.8)
    assert budget.on_rate_limited(headers, NOW) == NOW + wait
    assert budget.ready_at == NOW + wait


def test_the_reset_is_told_on_aircalls_clock() -> None:
    budget = RequestBudget(0.8)
    assert budget.on_rate_limited(Headers(reset=NOW + 600 + 20), NOW, server_ahead=600) == NOW + 20


def test_a_limit_used_up_by_others_is_respected_before_a_429() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60, remaining=0, reset=NOW + 12), NOW)
    assert budget.ready_at == NOW + 12
    assert budget.remaining == 0


@pytest.mark.parametrize("text", ["1780000012", "1780000012000"])
def test_the_reset_may_be_seconds_or_milliseconds(text: str) -> None:
    assert read_headers({"X-AircallApi-Reset": text}).reset == 1780000012


@given(
    st.dictionaries(
        st.sampled_from(
            ["X-AircallApi-Limit", "X-AircallApi-Remaining", "X-AircallApi-Reset", "Retry-After", "Date"]
        ),
        st.text(),
    )
)
def test_no_header_breaks_anything(headers: dict[str, str]) -> None:
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
def test_limit_is_the_smallest_that_an_endpoint_announced_lately(told: list[tuple[str, int, float]]) -> None:
    budget, now, history = RequestBudget(0.8), NOW, []
    for endpoint, limit, pause in told:
        now += pause
        budget.update_from_headers(Headers(limit=limit), now, endpoint=endpoint)
        history.append((endpoint, limit, now))
        last = {name: (announced, at) for name, announced, at in history}
        counting = {announced for announced, at in last.values() if now - at <= LIMIT_VALID_S}
        counting |= {announced for _, announced, at in history if now - at <= LIMIT_OVERLAP_S}
        assert budget.limit == min(counting)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(20, 500)), min_size=2, max_size=8),
    st.floats(0.1, 7),
)
def test_limit_while_answers_disagree_again_and_again_stays(
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


def test_limit_that_is_raised_counts_after_a_minute() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60), NOW, endpoint="/v1/calls")
    budget.update_from_headers(Headers(limit=120), NOW + 1, endpoint="/v1/calls")
    assert budget.limit == 60
    budget.update_from_headers(Headers(limit=120), NOW + 62, endpoint="/v1/calls")
    assert budget.limit == 120


def test_limit_of_an_endpoint_that_is_read_seldom_is_forgotten() -> None:
    budget = RequestBudget(0.8)
    budget.update_from_headers(Headers(limit=60), NOW, endpoint="/v1/teams")
    for seconds, limit in ((10, 60), (890, 60), (910, 120)):
        budget.update_from_headers(Headers(limit=120), NOW + seconds, endpoint="/v1/calls")
        assert budget.limit == limit
