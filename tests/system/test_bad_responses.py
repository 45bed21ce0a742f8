"""Responses of Aircall that fail or are malformed: values stay, errors are counted, and polls recover."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[Polled]:
    """Run an exporter of an account in which a caller waits."""
    with polled(account) as world:
        number = next(iter(account.numbers))
        account.ring_in(number, "+33 1 11 11 11 11")
        world.live_until_complete()
        yield world


def everywhere(_: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("respond", "code"),
    [
        (faults.answer(500, b"oops"), "500"),
        (faults.answer(502, b"<html>bad gateway</html>", "text/html"), "502"),
        (faults.answer(200, b"<html>maintenance</html>", "text/html"), "invalid"),
        (faults.answer(200, b""), "invalid"),
        (faults.answer(200, b"[]"), "invalid"),
        (faults.answer(200, b'{"calls": null, "users": null}'), "invalid"),
        (faults.cut_off, "invalid"),
        (faults.close_connection, "connection"),
        (faults.answer(302, location="http://127.0.0.1:1/elsewhere"), "302"),
    ],
)
def test_exporter_every_request_fails_keeps_the_last_values_and_recovers(
    world: Polled, respond: faults.Respond, code: str
) -> None:
    before = world.scrape()
    assert before.value("aircall_up") == 1
    world.aircall.faults.append(Fault(everywhere, respond))
    world.live(120)
    during = world.scrape()
    assert during.value("aircall_up") == 0
    assert during.number("aircall_dataset_age_seconds", dataset="calls") >= 100
    for name in (
        "aircall_user_availability",
        "aircall_user_period_calls",
        "aircall_queue_calls",
        "aircall_calls_total",
    ):
        assert during.all(name) == before.all(name)
    assert during.sum("aircall_api_requests_total", code=code) > 1
    assert during.number("aircall_polls_total", dataset="calls", result="error") > 1
    world.aircall.faults.clear()
    world.live(15)
    after = world.scrape()
    assert after.value("aircall_up") == 1
    assert after.number("aircall_dataset_age_seconds", dataset="calls") < 15


def test_exporter_aircall_unreachable_at_the_start_shows_no_data_until_it_answers(
    account: SimulatedAccount,
) -> None:
    with polled(account) as world:
        world.aircall.faults.append(Fault(everywhere, faults.close_connection))
        world.live(120)
        assert world.scrape().value("aircall_up") == 0
        assert not world.scrape().all("aircall_queue_calls")
        world.aircall.faults.clear()
        world.live(60)
        assert world.scrape().value("aircall_up") == 1
        assert world.poller.snapshot().missing == ()


@pytest.mark.parametrize(
    "junk",
    [
        None,
        5,
        "text",
        [],
        {},
        {"id": None},
        {"id": "x"},
        {"id": -7, "users": 3, "direction": 1, "availability": None},
    ],
    ids=str,
)
def test_list_with_a_malformed_object_applies_all_others(account: SimulatedAccount, junk: object) -> None:
    with polled(account) as world:
        world.aircall.faults.append(Fault(lambda path: path.count("/") < 4, faults.malformed(junk)))
        world.live_until_complete()
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert len(scrape.labels("aircall_user_availability", "user_id")) == len(account.users)
        assert len(scrape.labels("aircall_number_period_calls", "number_id")) == len(account.numbers)
        for kind in ("call", "availability", "team"):
            assert scrape.number("aircall_malformed_objects_total", kind=kind) >= 1


def test_user_with_malformed_fields_keeps_the_known_values(world: Polled, account: SimulatedAccount) -> None:
    user = next(iter(account.users.values()))
    known = world.scrape().all("aircall_user_availability_seconds_total", user_id=user.id)
    assert known

    def spoil(content: dict) -> None:
        for listed in content["users"]:
            if listed["id"] == user.id:
                listed["name"] = listed["availability"] = {}

    world.aircall.faults.append(Fault(lambda path: "/users" in path, faults.edited(spoil)))
    world.poller.refresh()
    world.live(60)
    scrape = world.scrape()
    assert scrape.number("aircall_malformed_objects_total", kind="user") >= 1
    assert scrape.number("aircall_malformed_objects_total", kind="availability") >= 5
    assert scrape.labels("aircall_user_info", "user", user_id=user.id) == {user.name}
    assert scrape.all("aircall_user_availability_seconds_total", user_id=user.id).keys() == known.keys()


def test_directory_with_malformed_members_keeps_the_known_ones(
    world: Polled, account: SimulatedAccount
) -> None:
    families = ("aircall_user_number_info", "aircall_user_team_info")
    known = [world.scrape().all(family) for family in families]
    assert all(known)

    def spoil(content: dict) -> None:
        for each in content.get("teams", [content.get("number", {})]):
            each["users"] = None

    world.aircall.faults.append(
        Fault(lambda path: path == "/v1/teams" or path.startswith("/v1/numbers/"), faults.edited(spoil))
    )
    world.poller.refresh()
    world.live(60)
    scrape = world.scrape()
    assert scrape.value("aircall_malformed_objects_total", kind="team") == len(account.teams)
    numbers = len(account.numbers)  # each is requested twice, then it is set aside
    assert scrape.value("aircall_malformed_objects_total", kind="number") == 2 * numbers
    assert scrape.value("aircall_exporter_objects_set_aside", kind="number") == numbers
    assert [scrape.all(family) for family in families] == known


def test_list_with_pages_in_a_circle_is_a_failed_poll(world: Polled) -> None:
    def back_to_the_first(content: dict) -> None:
        content["meta"]["next_page_link"] = (
            "https://api.aircall.io/v1/users/availabilities?page=1&per_page=50"
        )

    world.aircall.faults.append(
        Fault(lambda path: "availabilities" in path, faults.edited(back_to_the_first))
    )
    world.live(120)
    scrape = world.scrape()
    assert scrape.value("aircall_up") == 0
    assert scrape.number("aircall_polls_total", dataset="availabilities", result="error") >= 2
    assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15


def test_list_next_page_link_to_another_host_is_requested_from_aircall(account: SimulatedAccount) -> None:
    def elsewhere(content: dict) -> None:
        link = content["meta"]["next_page_link"]
        content["meta"]["next_page_link"] = link and "http://127.0.0.1:1/stolen?" + link.split("?")[1]

    for position in range(120):
        call = account.ring_in(next(iter(account.numbers)), "+33 1", at=NOON + position)
        account.miss(call.id, "short_abandoned", at=NOON + position)
    with polled(account) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", faults.edited(elsewhere)))
        world.live_until_complete()
        assert world.scrape().sum("aircall_calls_total") == 120


def test_poll_credential_rejected_keeps_the_values_and_requests_rarely(world: Polled) -> None:
    before = world.scrape()
    world.aircall.api_token = "another"
    requests_before = len(world.aircall.requests)
    world.live(600)
    during = world.scrape()
    assert during.value("aircall_api_credential_rejected") == 1
    assert during.value("aircall_up") == 0
    assert during.all("aircall_queue_calls") == before.all("aircall_queue_calls")
    assert (
        55 <= len(world.aircall.requests) - requests_before <= 66
    )  # including one request for each other list
    world.aircall.api_token = "demo-token"
    world.live(15)
    assert world.scrape().value("aircall_api_credential_rejected") == 0
    assert world.scrape().value("aircall_up") == 1


@pytest.mark.parametrize("headers", ["always", "on_429", "never"])
@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
def test_budget_another_integration_uses_the_limit_has_few_429s(
    account: SimulatedAccount, headers: str, unit: str
) -> None:
    with polled(account, served={"limit_headers": headers, "reset_unit": unit}) as world:
        world.live_until_complete()
        throttled = 0
        for _ in range(10):
            world.aircall.spend(60)
            sent = len(world.aircall.requests)
            world.live(60)
            throttled += sum(request.status == 429 for request in list(world.aircall.requests)[sent:])
        scrape = world.scrape()
        assert scrape.value("aircall_api_throttled_total") == throttled <= 25
        world.live(90)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 1
        assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15


def test_list_429_in_the_middle_is_read_whole() -> None:
    with polled(SimulatedAccount(users=260, calls_per_hour=0, start=NOON)) as world:
        pages: list[str] = []

        def throttle_third(path: str) -> bool:
            if path == "/v2/users":
                pages.append(path)
            return path == "/v2/users" and len(pages) == 3

        world.aircall.faults.append(Fault(throttle_third, faults.answer(429)))
        world.live_until_complete()
        assert len(pages) == 7 + 6  # once for names, once for substatuses
        assert len(world.scrape().labels("aircall_user_info", "user_id")) == 260


def test_assignments_user_deleted_during_the_fetch_are_read(account: SimulatedAccount) -> None:
    for number in list(account.numbers):
        account.add_number(f"More {number}", "+33", "FR", "Europe/Paris")
    while len(account.numbers) <= len(account.users):
        account.add_number("More", "+33", "FR", "Europe/Paris")
    with polled(account) as world:
        while "numbers" not in world.poller.account.known:
            world.step(world.time.now + 60)
        account.remove_user(next(iter(account.users)))
        world.live_until_complete()
        assert world.scrape().number("aircall_polls_total", dataset="assignments", result="success") >= 1


MALFORMED_META: list[Callable[[dict], object]] = [
    lambda content: content.update(meta=None),
    lambda content: content.update(meta={"next_page_link": 5}),
    lambda content: content.pop("meta"),
]


@pytest.mark.parametrize("change", MALFORMED_META, ids=["null", "link is a number", "left out"])
def test_poll_malformed_meta_recovers_once_it_is_valid(
    world: Polled, change: Callable[[dict], object]
) -> None:
    world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", faults.edited(change)))
    world.live(60)
    world.aircall.faults.clear()
    world.live(30)
    assert world.scrape().value("aircall_up") == 1


def count_requests(world: Polled, path: str, seconds: float) -> int:
    """Let `seconds` go by. Returns how often the path was requested meanwhile."""
    before = len(world.aircall.requests)
    world.live(seconds)
    return sum(request.path == path for request in list(world.aircall.requests)[before:])


def test_poll_endpoint_answers_404_is_requested_ever_more_rarely(world: Polled) -> None:
    world.aircall.faults.append(Fault(lambda path: path == "/v1/teams", faults.answer(404)))
    world.poller.refresh()
    assert 5 <= count_requests(world, "/v1/teams", 1800) <= 14


def test_list_that_omits_another_user_each_time_is_read_twice_as_often_at_most() -> None:
    account = SimulatedAccount(users=60, calls_per_hour=0, start=NOON)
    path, turns = "/v1/users/availabilities", count()

    def leave_out(content: Any) -> None:
        content["users"].pop(next(turns) % len(content["users"]))

    with polled(account) as world:
        world.live_until_complete()
        usual = count_requests(world, path, 600)
        world.aircall.faults.append(Fault(lambda requested: requested == path, faults.edited(leave_out)))
        assert usual < count_requests(world, path, 600) <= 2.1 * usual
        assert len(world.scrape().labels("aircall_user_info", "user_id")) == 60
