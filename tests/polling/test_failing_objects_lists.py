"""Tests of assignments and pages of lists that always fail: the others are fetched."""

from collections.abc import Sized
from itertools import count
from pathlib import Path

import pytest

from exporter.account.failing_objects import SetAside
from exporter.account.reference_data import ReferenceData
from exporter.account.removal_detector import CONFIRMATION_S
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling.assignments import retryable
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.request_log import ERRORS, at_path, request_times

RARELY = Refresh(calls=Duration(120), availabilities=Duration(120), substatuses=Duration(1200))


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
        missed = scrape.all("aircall_user_period_calls", period="recent", outcome="missed")
        assert {dict(labels)["user_id"] for labels, count in missed.items() if count} >= others
        assert scrape.sum("aircall_team_calls_total", outcome="missed") > 0
        assert scrape.number("aircall_polls_total", dataset="assignments", result="success") >= 1
        assert len(request_times(world, path)) <= 8
        world.aircall.faults.clear()
        world.live(400)
        scrape = world.scrape()
        assert scrape.value("aircall_exporter_objects_set_aside", kind=kind) == 0
        pairs = {
            (int(dict(labels)["user_id"]), int(dict(labels)["number_id"]))
            for labels in scrape.all("aircall_user_number_info")
        }
        assert pairs == {(u, n.id) for n in account.numbers.values() for u in n.user_ids}


def test_assignments_a_number_fails_later_keeps_its_users(world: Polled, account: SimulatedAccount) -> None:
    number = sorted(account.numbers)[0]
    users = world.scrape().labels("aircall_user_number_info", "user_id", number_id=number)
    world.aircall.faults.append(Fault(at_path(f"/v1/numbers/{number}"), ERRORS["500"]))
    world.poller.refresh()
    world.live(120)
    assert users
    assert world.scrape().labels("aircall_user_number_info", "user_id", number_id=number) == users


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
        assert 1 < errors == len(request_times(world, path, begun))


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
