"""Tests of calls that never end: they cost few requests, count as doubtful, and leave the board."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.call_recheck import Doubts, recheck_interval
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled

HOUR = 3600
RARELY = Refresh(calls=Duration(600), availabilities=Duration(600), substatuses=Duration(7200))
CALLS = 20
START = 600.0


def begin_endless_calls(world: Polled, kind: str, calls: int = CALLS) -> list[int]:
    """Begin calls that never end, one every 15 seconds; return their ids."""
    account, ids = world.account, []
    for position in range(calls):
        account.advance(world.time.now)
        number = sorted(account.numbers)[position % len(account.numbers)]
        is_answered = kind == "talking" or (kind == "both" and position % 2)
        if kind == "dialled":
            user = next(user for user in account.users if account.is_available(user))
            call = account.dial(user, number, "+33 1 11 11 11 11", at=world.time.now)
            account.never_end(call.id)
        elif is_answered:
            call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
            user = next(user for user in account.users if account.is_available(user))
            account.answer(call.id, user, at=world.time.now)
            account.never_end(call.id)
        else:
            call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        ids.append(call.id)
        world.live(15)
    return ids


def measure(world: Polled, seconds: float) -> dict[str, float]:
    """Wait; return requests per minute, the age of calls in seconds, and their longest interval."""
    begun, ages, intervals = len(world.aircall.requests), [], []
    until = world.time.now + seconds
    while world.time.now < until:
        world.live(3)
        polling = world.poller.status().datasets["calls"]
        age = polling.age(world.time.now)
        assert age is not None
        ages.append(age)
        intervals.append(polling.interval)
    requests = list(world.aircall.requests)[begun:]
    by_id = [request for request in requests if request.path.startswith("/v1/calls/")]
    return {
        "requests": 60 * len(requests) / seconds,
        "by id": 60 * len(by_id) / seconds,
        "age": sum(ages) / len(ages),
        "oldest": max(ages),
        "interval": max(intervals),
    }


@pytest.mark.parametrize("kind", ["waiting", "both", "dialled"])
def test_poll_with_never_ended_calls_hardly_changes_requests_and_age(kind: str) -> None:
    account = SimulatedAccount(users=40, calls_per_hour=300, seed=4, start=NOON, history=0)
    with polled(account, refresh=Refresh()) as world:
        world.live_until_complete()
        before = measure(world, 200)
        begin_endless_calls(world, kind)
        world.live(START)
        after = measure(world, 200)
        assert world.scrape().number("aircall_exporter_doubtful_calls", board="shown") >= CALLS - 4
    assert after["requests"] <= before["requests"] + 9
    assert after["age"] <= before["age"] + 1
    assert after["oldest"] <= before["oldest"] + 3
    assert after["age"] <= after["interval"] == 5


@pytest.mark.parametrize("kind", ["waiting", "talking"])
def test_poll_with_calls_active_for_half_a_day_rarely_requests_them(kind: str) -> None:
    account = SimulatedAccount(users=24, calls_per_hour=0, start=NOON)
    with polled(account, refresh=RARELY) as world:
        world.live_until_complete()
        ids = begin_endless_calls(world, kind)
        world.live(13 * HOUR)
        begun = len(world.aircall.requests)
        world.live(2 * HOUR)
        scrape = world.scrape()
        paths = {f"/v1/calls/{call_id}" for call_id in ids}
        requests = [request for request in list(world.aircall.requests)[begun:] if request.path in paths]
        assert len(requests) <= 3 * CALLS
        assert scrape.value("aircall_exporter_doubtful_calls", board="dropped") == CALLS
        assert scrape.sum("aircall_queue_calls") == 0
        assert not scrape.all("aircall_user_current_call_seconds")


def test_board_call_waiting_for_hours_is_dropped_and_its_end_counts_once() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    with polled(account, refresh=RARELY) as world:
        world.live_until_complete()
        call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
        world.live(1.8 * HOUR)
        scrape = world.scrape()
        assert scrape.sum("aircall_queue_calls") == 1
        assert scrape.value("aircall_exporter_doubtful_calls", board="shown") == 1
        world.live(0.4 * HOUR)
        scrape = world.scrape()
        assert scrape.sum("aircall_queue_calls") == scrape.sum("aircall_user_waiting_calls") == 0
        assert not scrape.all("aircall_queue_call_wait_seconds")
        assert scrape.value("aircall_exporter_doubtful_calls", board="dropped") == 1
        account.miss(call.id, "abandoned_in_classic", at=world.time.now)
        for _ in range(4):
            world.live(0.5 * HOUR)
        scrape = world.scrape()
        assert scrape.sum("aircall_calls_total", outcome="missed") == 1
        assert scrape.sum("aircall_exporter_doubtful_calls") == 0


def test_board_call_of_half_a_day_is_dropped_and_its_end_counts_once(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    user, database = sorted(account.users)[0], f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, refresh=RARELY, archive=Archive(database)) as world:
        world.live_until_complete()
        call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user, at=world.time.now)
        world.live(11.5 * HOUR)
        scrape = world.scrape()
        assert scrape.labels("aircall_user_current_call_seconds", "user_id") == {str(user)}
        assert scrape.sum("aircall_exporter_doubtful_calls") == 0
        world.live(HOUR)
        assert not world.scrape().all("aircall_user_current_call_seconds")
    with polled(account, refresh=RARELY, archive=Archive(database)) as world:
        world.time.now = account.now
        world.live_until_complete()
        world.live(600)
        assert world.scrape().value("aircall_exporter_doubtful_calls", board="dropped") == 1
        account.hang_up(call.id, at=world.time.now)
        for _ in range(4):
            world.live(HOUR)
        assert world.scrape().sum("aircall_calls_total", outcome="answered") == 1


@given(st.lists(st.floats(5, 300), min_size=50, max_size=400))
def test_doubts_repeated_rechecks_have_growing_and_bounded_intervals(steps: list[float]) -> None:
    doubts, now, fetched_at, rechecks = Doubts(), NOON, NOON, []
    for step in steps:
        now += step
        if doubts.is_due(7, fetched_at, now - NOON, now):
            rechecks.append(now)
            fetched_at = now
    begun = NOON + steps[0]
    assert rechecks[0] == begun
    for earlier, later in pairwise(rechecks):
        wait = min(earlier - begun, recheck_interval(later - NOON))
        assert wait <= later - earlier <= wait + 300
