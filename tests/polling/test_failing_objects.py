"""Tests of objects that always fail: they cost nothing but themselves, and are requested ever more rarely."""

from itertools import pairwise
from typing import Any

import pytest
from starlette.responses import Response

from exporter.account.coverage import RECHECK_AGES_S
from exporter.aircall.http_session import REQUEST_TIMEOUT_S
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import missed_call
from tests.support.request_log import ERRORS, at_path, miss_calls, page_with, request_times

HOUR = 3600

RARELY = Refresh(calls=Duration(120), availabilities=Duration(120), substatuses=Duration(1200))


@pytest.mark.parametrize("error", ["500", "403", "401", "no JSON", "no answer"])
def test_poll_waiting_call_fails_succeeds_and_asks_ever_more_rarely(
    world: Polled, account: SimulatedAccount, error: str
) -> None:
    number = next(iter(account.numbers))
    stuck = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    path = f"/v1/calls/{stuck.id}"
    world.aircall.faults.append(Fault(at_path(path), ERRORS[error]))
    world.time.now = miss_calls(account, world.time.now + 1)
    begun = world.time.now
    for _ in range(7):
        world.live(60)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15
        assert scrape.value("aircall_api_credential_rejected") == 0
        assert str(stuck.id) in scrape.labels("aircall_queue_call_wait_seconds", "call_id")
    assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 1
    times = request_times(world, path, begun)
    assert 4 <= len(times) <= 6
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[-1] > 1.5 * waits[-2] >= 90
    world.aircall.faults.clear()
    account.answer(stuck.id, sorted(account.users)[0], at=world.time.now)
    world.live(300)
    scrape = world.scrape()
    assert not scrape.all("aircall_queue_call_wait_seconds")
    assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 0


@pytest.mark.parametrize(("error", "worst"), [("500", 0), ("403", 1), ("cut off", 2)])
def test_ended_calls_one_call_fails_finds_the_end_of_the_others(
    world: Polled, account: SimulatedAccount, error: str, worst: int
) -> None:
    number, users = next(iter(account.numbers)), sorted(account.users)[:3]
    calls = []
    for user in users:
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user, at=world.time.now + 2)
        world.time.now = miss_calls(account, world.time.now + 3)
        calls.append(call)
    world.live(60)
    bad = at_path(f"/v1/calls/{calls[worst].id}")
    world.aircall.faults.append(Fault(bad, ERRORS[error]))
    listed = page_with(lambda start: start == calls[worst].started_at, ERRORS[error])
    world.aircall.faults.append(Fault(at_path("/v1/calls"), listed))
    before = world.scrape().sum("aircall_calls_total", outcome="answered")
    for call in calls:
        account.hang_up(call.id, at=world.time.now)
    world.live(45)
    scrape = world.scrape()
    assert scrape.labels("aircall_user_current_call_seconds", "user_id") <= {str(users[worst])}
    assert scrape.sum("aircall_calls_total", outcome="answered") == before + 2
    assert scrape.value("aircall_up") == 1
    world.aircall.faults.clear()
    world.live(120)
    assert world.scrape().sum("aircall_calls_total", outcome="answered") == before + 3


def test_ended_calls_list_links_back_are_fetched_by_id(world: Polled, account: SimulatedAccount) -> None:
    number, users = next(iter(account.numbers)), sorted(account.users)[:3]
    calls = [account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now) for _ in users]
    for call, user in zip(calls, users, strict=True):
        account.answer(call.id, user, at=world.time.now + 2)
    world.time.now = miss_calls(account, world.time.now + 3)
    world.live(60)

    def link_back(content: Any) -> None:
        content["calls"] = []
        content["meta"]["next_page_link"] = "https://api.aircall.io/v1/calls?page=1"

    neighbours = faults.when(lambda it: "to" in it.query, faults.edited(link_back))
    world.aircall.faults.append(Fault(at_path("/v1/calls"), neighbours))
    before = world.scrape().sum("aircall_calls_total", outcome="answered")
    for call in calls:
        account.hang_up(call.id, at=world.time.now)
    world.live(60)
    assert world.scrape().sum("aircall_calls_total", outcome="answered") == before + 3


@pytest.mark.parametrize("call", ["null", "[]", '{"id":7}', '{"id":7,"direction":"inbound","status":"x"}'])
def test_poll_waiting_call_is_unreadable_is_set_aside(
    world: Polled, account: SimulatedAccount, call: str
) -> None:
    stuck = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
    answer = faults.answer(200, b'{"call":%s}' % call.encode())
    world.aircall.faults.append(Fault(at_path(f"/v1/calls/{stuck.id}"), answer))
    world.time.now = miss_calls(account, world.time.now + 1)
    world.live(120)
    scrape = world.scrape()
    assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 1
    read = len(request_times(world, f"/v1/calls/{stuck.id}"))
    assert scrape.number("aircall_malformed_objects_total", kind="call") == read <= 4


@pytest.mark.parametrize("error", ["500", "403", "no answer"])
def test_backfill_one_call_fails_omits_its_second_until_it_works(error: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    for position in range(400):
        missed_call(account, NOON - 2 * HOUR + 15 * position)
    bad = NOON - HOUR
    with polled(account, served={"rate_limit": 6000}) as world:
        fault = page_with(lambda start: start == bad, ERRORS[error])
        world.aircall.faults.append(Fault(at_path("/v1/calls"), fault))
        world.live_until_complete()
        world.live(900 if error in ("no answer", "403") else 60)
        scrape = world.scrape()
        assert world.poller.account.coverage.seconds_missing == 1
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == 1
        assert scrape.value("aircall_exporter_objects_set_aside", kind="range") == 1
        assert scrape.value("aircall_up") == 1
        assert scrape.sum("aircall_number_period_calls", period="today") == 399
        world.aircall.faults.clear()
        world.live(1000)
        assert world.scrape().sum("aircall_number_period_calls", period="today") == 400
        assert world.poller.account.coverage.seconds_missing == 0
        assert world.scrape().value("aircall_exporter_objects_set_aside", kind="range") == 0


def test_backfill_all_old_calls_fail_costs_few_requests() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    for position in range(400):
        missed_call(account, NOON - 2 * HOUR + 15 * position)
    with polled(account, refresh=RARELY) as world:
        old = faults.when(lambda exchange: int(exchange.query["from"]) < NOON - HOUR, ERRORS["403"])
        world.aircall.faults.append(Fault(at_path("/v1/calls"), old))
        world.live_until_complete()
        world.live(HOUR)
        before = len(world.aircall.requests)
        world.live(HOUR)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert scrape.value("aircall_api_credential_rejected") == 0
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == pytest.approx(23 * HOUR, abs=60)
        assert scrape.value("aircall_exporter_objects_set_aside", kind="range") == 1
        bounded = [request for request in list(world.aircall.requests)[before:] if "to=" in request.query]
        assert len(bounded) < 120


@pytest.mark.parametrize("error", ["500", "400", "404", "no answer"])
def test_poll_of_calls_second_page_fails_keeps_the_board_fresh(error: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    respond = ERRORS.get(error, faults.answer(404))
    with polled(account) as world:
        world.live_until_complete()
        world.aircall.faults.append(Fault(at_path("/v1/calls"), faults.from_page(2, respond)))
        for _ in range(5):
            world.time.now = miss_calls(account, world.time.now, 130)
            world.live(30)
            scrape = world.scrape()
            assert scrape.value("aircall_up") == 1
            assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 25
        world.live(600 if error == "no answer" else 120)
        assert world.poller.account.coverage.seconds_missing == 0
        assert world.scrape().sum("aircall_calls_total") == 5 * 130


def test_recheck_one_call_fails_reaches_the_others() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    with polled(account, refresh=RARELY) as world:
        world.live_until_complete()
        begun = world.time.now
        for position in range(120):
            missed_call(account, begun + 10 * position)
        world.live(1200)
        bad = page_with(lambda start: start == int(begun), ERRORS["500"])
        world.aircall.faults.append(Fault(at_path("/v1/calls"), bad))
        world.live(2 * RECHECK_AGES_S[1])
        rechecked_until = world.poller.account.coverage.rechecked_until
        assert rechecked_until[0] > begun + RECHECK_AGES_S[1]
        assert rechecked_until[1] > begun + RECHECK_AGES_S[0]
        assert world.scrape().value("aircall_up") == 1


def test_poll_calls_hang_delay_others_ever_more_rarely(world: Polled, account: SimulatedAccount) -> None:
    number = next(iter(account.numbers))
    stuck = [account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now + n) for n in range(3)]
    paths = [f"/v1/calls/{call.id}" for call in stuck]

    async def hang(exchange: Exchange) -> Response:
        world.time.now += REQUEST_TIMEOUT_S
        return await faults.close_connection(exchange)

    world.aircall.faults.append(Fault(at_path(*paths), hang))
    world.time.now = miss_calls(account, world.time.now + 3)
    world.live(300)
    begun, ages = world.time.now, []
    while world.time.now < begun + 600:
        world.live(5)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        ages.append(scrape.number("aircall_dataset_age_seconds", dataset="calls"))
    assert max(ages) < 35
    assert sum(ages) / len(ages) < 12


def test_poll_outage_of_the_api_sets_nothing_aside(world: Polled, account: SimulatedAccount) -> None:
    number = next(iter(account.numbers))
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    world.time.now = miss_calls(account, world.time.now + 1)
    world.live(30)
    world.aircall.faults.append(Fault(lambda _: True, ERRORS["500"]))
    world.live(900)
    assert world.scrape().value("aircall_up") == 0
    assert world.scrape().sum("aircall_exporter_objects_set_aside") == 0
    world.aircall.faults.clear()
    account.answer(call.id, sorted(account.users)[0], at=world.time.now)
    world.live(45)
    scrape = world.scrape()
    assert scrape.value("aircall_up") == 1
    assert not scrape.all("aircall_queue_call_wait_seconds")
