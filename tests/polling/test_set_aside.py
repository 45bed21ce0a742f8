"""Tests of objects that always fail: they cost nothing but themselves, and are requested ever more rarely."""

from collections.abc import Sized
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from exporter.account.coverage import RECHECK_AGES_S
from exporter.account.reference_data import ReferenceData
from exporter.account.removal_detector import CONFIRMATION_S
from exporter.account.set_aside import SetAside
from exporter.aircall.client import REQUEST_TIMEOUT_S
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling.assignments import retryable
from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import missed_call
from tests.support.request_log import ERRORS, asked, at_path, crowd, page_with

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
    world.time.now = crowd(account, world.time.now + 1)
    begun = world.time.now
    for _ in range(7):
        world.live(60)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15
        assert scrape.value("aircall_api_credential_rejected") == 0
        assert str(stuck.id) in scrape.labels("aircall_queue_call_wait_seconds", "call_id")
    assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 1
    times = asked(world, path, begun)
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
        world.time.now = crowd(account, world.time.now + 3)
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
    world.time.now = crowd(account, world.time.now + 3)
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


@pytest.mark.parametrize("by_user", [False, True])
@pytest.mark.parametrize("error", ["500", "403", "no answer", "an unreadable object"])
def test_assignments_one_object_fails_are_known_from_the_others(error: str, by_user: bool) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    if by_user:
        for position in range(3):
            account.add_number(f"More {position}", f"+33 1 99 99 99 9{position}", "FR", "Europe/Paris")
    numbers, users = sorted(account.numbers), sorted(account.users)
    path = f"/v2/users/{users[0]}/numbers" if by_user else f"/v1/numbers/{numbers[0]}"
    call = account.ring_in(numbers[1], "+33 1 11 11 11 11", at=NOON - 60)
    account.miss(call.id, "no_available_agent", at=NOON - 30)
    with polled(account) as world:
        world.aircall.faults.append(Fault(at_path(path), ERRORS[error]))
        world.live_until_complete()
        world.live(120)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert scrape.value("aircall_api_credential_rejected") == 0
        kind = "user" if by_user else "number"
        assert scrape.value("aircall_exporter_objects_set_aside", kind=kind) == 1
        others = {str(user) for user in account.numbers[numbers[1]].user_ids - {users[0]}}
        missed = scrape.all("aircall_user_period_calls", outcome="missed")
        assert {dict(labels)["user_id"] for labels, count in missed.items() if count} >= others
        assert scrape.sum("aircall_team_calls_total", outcome="missed") > 0
        assert scrape.number("aircall_polls_total", dataset="assignments", result="success") >= 1
        assert len(asked(world, path)) <= 8
        world.aircall.faults.clear()
        world.live(400)
        scrape = world.scrape()
        assert scrape.value("aircall_exporter_objects_set_aside", kind=kind) == 0
        pairs = {
            (int(dict(labels)["user_id"]), int(dict(labels)["number_id"]))
            for labels in scrape.all("aircall_user_number_info")
        }
        assert pairs == {(u, n.id) for n in account.numbers.values() for u in n.user_ids}


@pytest.mark.parametrize("call", ["null", "[]", '{"id":7}', '{"id":7,"direction":"inbound","status":"x"}'])
def test_poll_waiting_call_is_unreadable_is_set_aside(
    world: Polled, account: SimulatedAccount, call: str
) -> None:
    stuck = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
    answer = faults.answer(200, b'{"call":%s}' % call.encode())
    world.aircall.faults.append(Fault(at_path(f"/v1/calls/{stuck.id}"), answer))
    world.time.now = crowd(account, world.time.now + 1)
    world.live(120)
    scrape = world.scrape()
    assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 1
    read = len(asked(world, f"/v1/calls/{stuck.id}"))
    assert scrape.number("aircall_malformed_objects_total", kind="call") == read <= 4


def test_assignments_a_number_fails_later_keeps_its_users(world: Polled, account: SimulatedAccount) -> None:
    number = sorted(account.numbers)[0]
    users = world.scrape().labels("aircall_user_number_info", "user_id", number_id=number)
    world.aircall.faults.append(Fault(at_path(f"/v1/numbers/{number}"), ERRORS["500"]))
    world.poller.refresh()
    world.live(120)
    assert users
    assert world.scrape().labels("aircall_user_number_info", "user_id", number_id=number) == users


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
        world.aircall.faults.clear()
        world.live(1000)
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
            world.time.now = crowd(account, world.time.now, 130)
            world.live(30)
            scrape = world.scrape()
            assert scrape.value("aircall_up") == 1
            assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 25
        world.live(600 if error == "no answer" else 120)
        assert world.poller.account.coverage.seconds_missing == 0
        assert world.scrape().sum("aircall_calls_total") == 5 * 130


@pytest.mark.parametrize(
    ("path", "dataset", "error", "failing"),
    [
        ("/v2/users", "users", "500", {2}),
        ("/v2/users", "users", "404", {2}),
        ("/v2/users", "users", "no JSON", {1}),
        ("/v1/users/availabilities", "availabilities", "400", {2}),
        ("/v1/users/availabilities", "availabilities", "500", {1, 2}),
        ("/v1/numbers", "numbers", "403", {1}),
        ("/v1/teams", "teams", "no JSON", {1, 3}),
    ],
)
def test_list_pages_fail_applies_the_other_pages(
    path: str, dataset: str, error: str, failing: set[int]
) -> None:
    users, objects = (130, 130) if dataset in ("users", "availabilities") else (6, 230)
    account = SimulatedAccount(users=users, calls_per_hour=0, start=NOON)
    for position in range(objects):
        if dataset == "numbers" and len(account.numbers) < objects:
            account.add_number(f"More {position}", f"+33 1 99 99 99 {position}", "FR", "Europe/Paris")
        if dataset == "teams" and len(account.teams) < objects:
            account.add_team(f"Another {position}")
    respond = ERRORS.get(error, faults.answer(404))
    fault = Fault(at_path(path), faults.when(lambda it: int(it.query.get("page", "1")) in failing, respond))
    with polled(account, served={"rate_limit": 600}, map_users_to_numbers=False) as world:
        world.aircall.faults.append(fault)
        world.live(240)
        scrape = world.scrape()
        assert scrape.value("aircall_api_credential_rejected") == 0
        assert scrape.number("aircall_polls_total", dataset=dataset, result="error") >= 1
        assert scrape.value("aircall_polls_total", dataset=dataset, result="success") == 0
        assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15
        assert scrape.value("aircall_up") == (0 if dataset == "availabilities" else 1)
        known: dict[str, Sized] = {
            "users": world.poller.account.directory.users,
            "availabilities": world.poller.account.presence.users,
            "numbers": world.poller.account.directory.numbers,
            "teams": world.poller.account.directory.members,
        }
        assert len(known[dataset]) == objects - 50 * len(failing)
        world.aircall.faults.clear()
        world.live(310)
        assert len(known[dataset]) == objects
        assert world.scrape().number("aircall_polls_total", dataset=dataset, result="success") >= 1


def test_assignments_a_page_of_numbers_fails_adds_the_others_and_removes_none() -> None:
    account = SimulatedAccount(users=2, calls_per_hour=0, start=NOON)
    user = sorted(account.users)[0]
    for position in range(230 - len(account.numbers)):
        account.add_number(f"More {position}", f"+33 1 99 99 99 {position}", "FR", "Europe/Paris")
    for number in account.numbers.values():
        number.user_ids = {user}
    respond = faults.when(lambda it: it.query.get("page") == "2", ERRORS["500"])
    fault = Fault(at_path(f"/v2/users/{user}/numbers"), respond)
    with polled(account) as world:
        world.aircall.faults.append(fault)
        world.live_until_complete()
        assert len(world.scrape().labels("aircall_user_number_info", "number_id", user_id=user)) == 180
        world.aircall.faults.clear()
        world.live(200)
        assert len(world.scrape().labels("aircall_user_number_info", "number_id", user_id=user)) == 230
        world.aircall.faults.append(fault)
        world.poller.refresh()
        world.live(60)
        assert len(world.scrape().labels("aircall_user_number_info", "number_id", user_id=user)) == 230
        assert world.poller.account.reference_data.unread("user") == {user}


@pytest.mark.parametrize("path", ["/v1/users/availabilities", "/v1/teams"])
def test_list_every_page_fails_costs_one_request_a_fetch(path: str) -> None:
    account = SimulatedAccount(users=60, calls_per_hour=0, start=NOON)
    for position in range(60):
        account.add_team(f"Another {position}")
    with polled(account) as world:
        world.live_until_complete()
        world.aircall.faults.append(Fault(at_path(path), ERRORS["500"]))
        world.poller.refresh()
        begun = world.time.now
        world.live(300)
        dataset = path.rpartition("/")[2]
        errors = world.scrape().number("aircall_polls_total", dataset=dataset, result="error")
        assert 1 < errors == len(asked(world, path, begun))


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
    world.time.now = crowd(account, world.time.now + 3)
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
    world.time.now = crowd(account, world.time.now + 1)
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


@pytest.mark.parametrize("failures", [1, 2, 4])
def test_team_counters_a_number_fails_at_a_restart_count_its_calls_later(
    failures: int, tmp_path: Path
) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=400, seed=3, start=NOON, history=0)
    url = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(url), refresh=RARELY) as world:
        world.live_until_complete()
        world.live(120)
    account.advance(account.now + 300)
    left = count(1)
    busiest = max(account.numbers.values(), key=lambda number: len(number.user_ids)).id
    broken = faults.when(lambda _: next(left) <= failures, ERRORS["500"])
    with polled(account, archive=Archive(url), refresh=RARELY) as world:
        world.aircall.faults.append(Fault(at_path(f"/v1/numbers/{busiest}"), broken))
        world.live(600)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(account)


def test_retryable_number_forgotten_by_set_aside_is_due() -> None:
    lists, aside = ReferenceData(set()), SetAside()
    lists.note_unread("number", {7, 8}, 0.0)
    aside.failed("number", 7, "answered 500", 0.0)
    aside.failed("number", 8, "answered 500", 0.0)
    aside.failed("number", 8, "answered 500", 1.0)
    aside.lists_failed()
    assert retryable(lists, aside, "number", 2.0) == {7}
    assert retryable(lists, aside, "number", 100.0) == {7, 8}
    assert retryable(lists, aside, "user", 100.0) == frozenset()
    assert lists.doubtful_numbers == {7, 8}
    lists.note_unread("number", {8}, CONFIRMATION_S)
    assert lists.doubtful_numbers == frozenset()
    assert lists.unread("number") == {8}
