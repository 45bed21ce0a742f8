"""Tests of a call that makes pages of calls fail: only the second in which it began is left out."""

import pytest

from exporter.polling.call_fetchers import MAX_FAILURES
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import missed_call
from tests.support.request_log import ERRORS, at_path, page_with

PERIOD = 900


def break_pages_with(world: Polled, start: float, error: str) -> None:
    bad = page_with(lambda started_at: started_at == int(start), ERRORS[error])
    world.aircall.faults.append(Fault(at_path("/v1/calls"), bad))


@pytest.mark.parametrize("error", ["500", "403", "400", "422", "no JSON", "a web page", "no answer"])
def test_poll_newest_call_fails_fetches_those_before_and_after(
    world: Polled, account: SimulatedAccount, error: str
) -> None:
    before, bad = missed_call(account, world.time.now - 60), missed_call(account, world.time.now - 5)
    break_pages_with(world, bad.started_at, error)
    world.live(120)
    scrape = world.scrape()
    assert scrape.value("aircall_up") == 1
    assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15
    assert scrape.value("aircall_api_credential_rejected") == 0
    assert scrape.value("aircall_exporter_objects_set_aside", kind="range") == 1
    known = world.poller.account.calls.calls
    assert before.id in known
    assert bad.id not in known
    waiting = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
    world.live(15)
    scrape = world.scrape()
    assert scrape.labels("aircall_queue_call_wait_seconds", "call_id") == {str(waiting.id)}
    assert scrape.number("aircall_polls_total", dataset="calls", result="error") <= 3
    account.miss(waiting.id, "short_abandoned", at=world.time.now)
    world.live(15)
    assert world.scrape().sum("aircall_calls_total") == 2
    world.aircall.faults.clear()
    world.live(600)
    assert world.scrape().sum("aircall_calls_total") == 3
    assert world.poller.account.coverage.seconds_missing == 0


def test_poll_waiting_call_before_a_failing_one_is_followed(world: Polled, account: SimulatedAccount) -> None:
    waiting = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
    world.live(20)
    bad = missed_call(account, world.time.now)
    break_pages_with(world, bad.started_at, "500")
    world.live(90)
    account.answer(waiting.id, sorted(account.users)[0], at=world.time.now)
    world.live(20)
    assert not world.scrape().all("aircall_queue_call_wait_seconds")
    assert world.scrape().value("aircall_up") == 1


@pytest.mark.parametrize("age", [0, 1, 5, 300, PERIOD - 1])
@pytest.mark.parametrize("error", ["500", "no JSON"])
def test_first_start_a_call_fails_shows_all_others(age: int, error: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    calls = [missed_call(account, NOON - at) for at in (PERIOD - 30, 600, 400, 250, 70, 20)]
    bad = missed_call(account, NOON - age)
    with polled(account, activity_period=PERIOD) as world:
        break_pages_with(world, bad.started_at, error)
        world.live_until_complete()
        world.live(60)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert {call.id for call in calls} <= world.poller.account.calls.calls.keys()
        assert bad.id not in world.poller.account.calls.calls


def test_poll_every_list_of_calls_fails_costs_one_request_and_is_an_error(
    world: Polled, account: SimulatedAccount
) -> None:
    world.aircall.faults.append(Fault(at_path("/v1/calls"), ERRORS["500"]))
    world.live(120)
    begun = len(world.aircall.requests)
    world.live(300)
    scrape = world.scrape()
    assert scrape.value("aircall_up") == 0
    assert scrape.number("aircall_exporter_objects_set_aside", kind="range") <= 2  # of the past
    requests = [request for request in list(world.aircall.requests)[begun:] if request.path == "/v1/calls"]
    polls = [request for request in requests if "to=" not in request.query]
    assert len(polls) <= 300 / 5 + 1
    assert len(requests) - len(polls) <= MAX_FAILURES + 5  # of the past, halved if availabilities were listed
    world.aircall.faults.clear()
    missed_call(account, world.time.now)
    world.live(45)
    assert world.scrape().value("aircall_up") == 1
    assert world.scrape().sum("aircall_calls_total") == 1
