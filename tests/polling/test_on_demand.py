"""Tests of on-demand requests: constant ones take no more than their share of the requests."""

from collections.abc import Callable

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling import call_fetchers
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.schedule import (
    AVAILABILITY_CHANGES,
    CORE,
    DATASETS,
    ENDED_CALLS,
    LIVE,
    ON_DEMAND,
    ON_DEMAND_REQUESTS,
)
from exporter.polling.switch_availability import switch_and_refresh
from exporter.polling.tasks import ASIDE, BACKGROUND
from exporter.polling.turns import ON_DEMAND_BURST, ON_DEMAND_SHARE, ON_DEMAND_SHARE_OF_LIVE, Turns
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.running import eventually, running

DAY = 86_400
CLIENTS = 5


@pytest.fixture(scope="module")
def account() -> SimulatedAccount:
    """Return a company with 60 pages of past calls, in which a refresh takes about 12 requests."""
    account = SimulatedAccount(users=120, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    for position in range(3000):
        call = account.ring_in(number, "anonymous", at=NOON - DAY + 28 * position)
        account.miss(call.id, "short_abandoned", at=call.started_at + 5)
    return account


def no_requests(_: Polled) -> None:
    pass


def refresh(world: Polled) -> None:
    world.poller.refresh()


def clients(new: Callable[[Polled], OnDemandRequest], task: str) -> Callable[[Polled], None]:
    """Let five clients send the next request as soon as they have a response."""
    waiting: list[OnDemandRequest] = []

    def keep_waiting(world: Polled) -> None:
        waiting[:] = [request for request in waiting if not request._result.done()]
        while len(waiting) < CLIENTS:
            waiting.append(new(world))
            world.poller.submit(waiting[-1], task)

    return keep_waiting


def recording(world: Polled) -> OnDemandRequest:
    call_id = next(iter(world.account.calls))
    return OnDemandRequest(lambda: call_fetchers.fetch_call(world.poller.account, call_id))


def switch(world: Polled) -> OnDemandRequest:
    user_id = sorted(world.account.users)[2]
    return OnDemandRequest(
        lambda: switch_and_refresh(world.poller.account, world.poller.tasks.user_api, user_id, None)
    )


def seconds_of_backfill(account: SimulatedAccount, add_load: Callable[[Polled], None]) -> tuple[float, float]:
    """Return the seconds until no past call is missing, and the greatest age of calls and availabilities."""
    leaves_half_of_the_budget = Refresh(calls=Duration(10), availabilities=Duration(10))
    with polled(account, refresh=leaves_half_of_the_budget) as world:
        world.live_until_complete()
        begun, oldest = world.time.now, 0.0
        assert world.poller.account.coverage.seconds_missing > 70_000
        while world.poller.account.coverage.seconds_missing:
            assert world.time.now < begun + 1200
            add_load(world)
            world.live(1)
            datasets = world.poller.status().datasets
            for name in CORE:
                age = datasets[name].age(world.time.now)
                assert age is not None
                oldest = max(oldest, age)
        return world.time.now - begun, oldest


@pytest.fixture(scope="module")
def undisturbed(account: SimulatedAccount) -> float:
    return seconds_of_backfill(account, no_requests)[0]


LOADS = {
    "refresh": refresh,
    "recordings": clients(recording, ON_DEMAND_REQUESTS),
    "switches": clients(switch, AVAILABILITY_CHANGES),
}


@pytest.mark.parametrize("load", LOADS)
def test_backfill_during_on_demand_requests_takes_about_the_same_time(
    account: SimulatedAccount, undisturbed: float, load: str
) -> None:
    taken, oldest = seconds_of_backfill(account, LOADS[load])
    assert taken <= 1.35 * undisturbed + 10
    assert oldest < 35


def test_refresh_each_second_fetches_twice_at_once_and_then_once_a_minute() -> None:
    with polled(SimulatedAccount(users=6, calls_per_hour=0, start=NOON)) as world:
        world.live_until_complete()
        world.live(60)
        begun = world.time.now
        for _ in range(100):
            world.poller.refresh()
            world.live(1)
        times = [r.time - begun for r in world.aircall.requests if r.path == "/v1/teams" and r.time >= begun]
        assert times[0] < 10
        assert len(times) == 3
        assert times[2] - times[1] >= 55


def test_refresh_a_hundred_times_over_http_fetches_twice_at_most() -> None:
    often = Refresh(calls=Duration(1), availabilities=Duration(1))
    account = SimulatedAccount(users=6, calls_per_hour=0)
    with running(account, served={"rate_limit": 6000}, refresh=often) as exporter:
        exporter.until_ready()
        sent_before = len(exporter.aircall.requests)
        session = requests.Session()
        for _ in range(100):
            assert session.post(f"{exporter.url}/-/refresh", timeout=10).ok

        def lists_read() -> int:
            return sum(r.path == "/v1/teams" for r in list(exporter.aircall.requests)[sent_before:])

        eventually(lists_read)
        exporter.until_polled()  # other requests follow, so no further refresh waits
        exporter.until_polled()
        assert lists_read() <= 2


ALL_TASKS = (AVAILABILITY_CHANGES, *CORE, ENDED_CALLS, ON_DEMAND_REQUESTS, *DATASETS[2:], ASIDE, *BACKGROUND)


@given(
    st.sets(st.sampled_from(ALL_TASKS), min_size=1),
    st.sampled_from([0.2, 0.5]),
    st.floats(0, 1),
)
def test_turns_each_due_task_has_one_within_a_bound(due: set[str], share: float, free: float) -> None:
    turns, names = Turns(), [name for name in ALL_TASKS if name in due]
    last = dict.fromkeys(names, 0)
    for turn in range(1, 3000):
        chosen = turns.next(names, share, free)
        assert chosen in names
        last[chosen] = turn
        assert min(last.values()) > turn - 1000


@given(st.lists(st.sets(st.sampled_from(ALL_TASKS), min_size=1), min_size=1, max_size=8), st.floats(0, 1))
def test_turns_on_demand_requests_have_their_share_and_no_more(rounds: list[set[str]], free: float) -> None:
    turns, of_others, of_on_demand = Turns(), 0, 0
    for turn in range(2000):
        due = [name for name in ALL_TASKS if name in rounds[turn % len(rounds)]]
        others = [name for name in due if name not in (*LIVE, *ON_DEMAND)]
        chosen = turns.next(due, 0.2, free)
        of_others += chosen in others
        of_on_demand += bool(others) and chosen in ON_DEMAND
    assert of_on_demand <= ON_DEMAND_BURST + ON_DEMAND_SHARE * of_others + ON_DEMAND_SHARE_OF_LIVE * 2000 + 80


def test_turns_occasional_on_demand_request_has_one_within_a_few() -> None:
    turns, left, waited = Turns(), 0, 0
    for turn in range(6000):
        left += 3 if turn % 60 == 0 else 0
        due = [*([AVAILABILITY_CHANGES] if left else []), *LIVE, "assignments", BACKGROUND[1]]
        waited = waited + 1 if left else 0
        assert waited <= 8
        left -= turns.next(due, 0.2) == AVAILABILITY_CHANGES
