"""Tests of incomplete lists: many missing objects are removed after minutes, a few of them at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.polling.fetch_results import INCOMPLETE_LIST_INTERVAL_S
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.request_log import at_path

LISTS = ("/v1/teams", "/v1/numbers", "/v2/users", "/v1/users/availabilities")
INFO = (
    "aircall_user_info",
    "aircall_user_team_info",
    "aircall_user_number_info",
    "aircall_number_info",
)
CONFIRMED = 600
"""Seconds after which a removal of many objects is applied at the latest, including the fetch itself."""

Change = Callable[[Any], object]


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=0, start=NOON)


def shown(scrape: Scrape) -> dict[str, object]:
    """Return the names, memberships and assignments, and which users have a state."""
    found: dict[str, object] = {name: scrape.all(name).keys() for name in INFO}
    return found | {"users": scrape.labels("aircall_user_availability_code", "user_id")}


def without_objects(content: Any) -> None:
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = []
    content["meta"] |= {"total": 0, "count": 0, "next_page_link": None}


def without_objects_but_with_a_total(content: Any) -> None:
    total = content["meta"]["total"]
    without_objects(content)
    content["meta"]["total"] = total


def half(content: Any) -> None:
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = content[key][::2] if len(content[key]) > 1 else []
    content["meta"]["total"] = None


def without_members(content: Any) -> None:
    for team in content.get("teams", ()):
        team["users"] = []


def without_one_teams_members(content: Any) -> None:
    largest = max(content["teams"], key=lambda team: len(team["users"]))
    largest["users"] = []


def without_assigned_users(content: Any) -> None:
    content["number"]["users"] = []


def without_numbers(content: Any) -> None:
    content["numbers"] = []
    content["meta"]["total"] = 0


def fault(change: Change, *paths: str) -> Fault:
    return Fault(lambda path: any(path.startswith(start) for start in paths), faults.edited(change))


def lists_only(change: Change) -> Fault:
    return Fault(lambda path: path in LISTS, faults.edited(change))


GLITCHES = {
    "empty lists": lists_only(without_objects),
    "empty lists with a total": lists_only(without_objects_but_with_a_total),
    "half of each list": lists_only(half),
    "teams without users": fault(without_members, "/v1/teams"),
    "one team without users": fault(without_one_teams_members, "/v1/teams"),
    "numbers without users": fault(without_assigned_users, "/v1/numbers/"),
    **{
        f"no {path.rpartition('/')[2]}": Fault(at_path(path), faults.edited(without_objects))
        for path in LISTS
    },
}


@pytest.mark.parametrize(
    ("glitch", "seconds"),
    [
        *(pytest.param(glitch, 45, id=name) for name, glitch in GLITCHES.items()),
        pytest.param(GLITCHES["empty lists"], 5, id="empty lists for a moment"),
        pytest.param(GLITCHES["empty lists"], 150, id="empty lists for minutes"),
    ],
)
def test_lists_missing_many_objects_for_a_while_remove_nothing(
    account: SimulatedAccount, glitch: Fault, seconds: float
) -> None:
    with polled(account) as world:
        world.live_until_complete()
        before = shown(world.scrape())
        world.aircall.faults.append(glitch)
        world.poller.refresh()
        world.live(seconds)
        assert shown(world.scrape()) == before
        world.aircall.faults.clear()
        world.live(400)
        assert shown(world.scrape()) == before
        assert world.scrape().value("aircall_up") == 1
        for dataset in ("users", "teams", "numbers", "assignments"):
            assert world.scrape().number("aircall_dataset_age_seconds", dataset=dataset) < 600


def test_assignments_by_user_missing_for_a_while_remove_nothing() -> None:
    account = SimulatedAccount(users=4, calls_per_hour=0, start=NOON)
    for _ in range(9):
        account.add_number("More", "+33 1", "FR", "Europe/Paris").user_ids |= set(account.users)
    with polled(account) as world:
        world.live_until_complete()
        before = shown(world.scrape())
        world.aircall.faults.append(
            Fault(lambda path: path.endswith("/numbers"), faults.edited(without_numbers))
        )
        world.poller.refresh()
        world.live(60)
        assert shown(world.scrape()) == before


@pytest.mark.parametrize("empty", ["/v1/teams", "/v1/numbers", "/v2/users", "/v1/users/availabilities"])
def test_list_empty_for_minutes_removes_all_objects(account: SimulatedAccount, empty: str) -> None:
    with capture_logs() as lines, polled(account) as world:
        world.live_until_complete()
        world.aircall.faults.append(Fault(at_path(empty), faults.edited(without_objects)))
        world.poller.refresh()
        world.live(CONFIRMED)
        scrape = world.scrape()
        known = world.poller.account
        gone = {
            "/v1/teams": known.directory.members,
            "/v1/numbers": known.directory.numbers,
            "/v2/users": known.directory.users,
            "/v1/users/availabilities": known.presence.users,
        }[empty]
        assert not gone
    warned = [line for line in lines if line["log_level"] == "warning" and "leaves out" in str(line)]
    assert len(warned) == 1
    name = empty.rpartition("/")[2]
    assert scrape.number("aircall_polls_total", dataset=name, result="error") >= 2


@pytest.mark.parametrize("empty", ["/v1/teams", "/v1/numbers", "/v2/users"])
def test_list_empty_at_the_start_is_fetched_again_within_minutes(
    account: SimulatedAccount, empty: str
) -> None:
    glitch = Fault(at_path(empty), faults.edited(without_objects))
    with polled(account, served={"faults": [glitch]}) as world:
        world.live_until_complete()
        world.aircall.faults.clear()
        world.live(CONFIRMED)
        teams = {str(team.id) for team in account.teams.values() if team.user_ids}
        assert world.scrape().labels("aircall_user_team_info", "team_id") >= teams
        assert world.scrape().labels("aircall_user_info", "user") >= {u.name for u in account.users.values()}
        assert len(world.scrape().labels("aircall_number_info", "number_id")) == len(account.numbers)
        assert world.scrape().all("aircall_user_number_info")


def test_availabilities_empty_for_a_minute_count_as_not_fetched(account: SimulatedAccount) -> None:
    with polled(account) as world:
        world.live_until_complete()
        world.aircall.faults.append(GLITCHES["no availabilities"])
        world.live(60)
        scrape = world.scrape()
        assert scrape.value("aircall_up") == 0
        assert scrape.number("aircall_dataset_age_seconds", dataset="availabilities") >= 50
        assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 15


def test_lists_missing_one_object_remove_it_within_a_minute(account: SimulatedAccount) -> None:
    with polled(account) as world:
        world.live_until_complete()
        user = next(iter(account.users))
        team = next(iter(account.teams))
        number = next(iter(account.numbers))
        account.remove_user(user)
        del account.teams[team]
        del account.numbers[number]
        world.poller.refresh()
        world.live(60)
        scrape = world.scrape()
        assert str(user) not in scrape.labels("aircall_user_info", "user_id")
        assert str(team) not in scrape.labels("aircall_user_team_info", "team_id")
        assert str(number) not in scrape.labels("aircall_number_info", "number_id")
        assert scrape.value("aircall_up") == 1


def omit_from_list(world: Polled, path: str, key: str, id_: int) -> None:
    """Omit one object from a list until it is removed."""

    def change(content: Any) -> None:
        content[key] = [each for each in content[key] if each["id"] != id_]
        content["meta"]["total"] = len(content[key])

    world.aircall.faults.append(Fault(at_path(path), faults.edited(change)))
    world.poller.refresh()
    world.live(60)
    world.aircall.faults.clear()


def test_removed_number_with_a_new_call_is_fetched_again(account: SimulatedAccount) -> None:
    number = next(iter(account.numbers.values()))
    with polled(account) as world:
        world.live_until_complete()
        omit_from_list(world, "/v1/numbers", "numbers", number.id)
        assert str(number.id) not in world.scrape().labels("aircall_number_info", "number_id")
        account.ring_in(number.id, "+33 1 11 11 11 11", at=world.time.now)
        world.live(60)
        assert world.scrape().all("aircall_number_users", number_id=number.id)
        assert str(number.id) in {str(id_) for id_ in world.poller.account.directory.numbers}


def test_removed_user_with_a_state_is_fetched_again(account: SimulatedAccount) -> None:
    user = next(iter(account.users.values()))
    with polled(account) as world:
        world.live_until_complete()
        omit_from_list(world, "/v2/users", "users", user.id)
        assert user.id not in world.poller.account.directory.users
        world.live(700)  # the first request for the user failed
        assert user.id in world.poller.account.directory.users


def test_removed_team_of_a_new_call_is_fetched_again(account: SimulatedAccount) -> None:
    team = next(team for team in account.teams.values() if team.user_ids)
    number = next(number for number in account.numbers.values() if number.team_ids)
    number.team_ids[:] = [team.id]
    with polled(account) as world:
        world.live_until_complete()
        before = shown(world.scrape())
        omit_from_list(world, "/v1/teams", "teams", team.id)
        assert shown(world.scrape()) != before
        account.ring_in(number.id, "+33 1 11 11 11 11", at=world.time.now)
        world.live(60)
        assert shown(world.scrape()) == before


def test_unlisted_number_in_several_calls_is_looked_up_once(account: SimulatedAccount) -> None:
    number = next(iter(account.numbers.values()))
    with polled(account) as world:
        world.live_until_complete()

        def change(content: Any) -> None:
            content["numbers"] = [each for each in content["numbers"] if each["id"] != number.id]
            content["meta"]["total"] = len(content["numbers"])

        world.aircall.faults.append(Fault(at_path("/v1/numbers"), faults.edited(change)))
        world.poller.refresh()
        world.live(60)
        before = sum(request.path == "/v1/teams" for request in world.aircall.requests)
        for _ in range(4):
            call = account.ring_in(number.id, "+33 1 11 11 11 11", at=world.time.now)
            world.live(30)
            account.miss(call.id, "short_abandoned")
            world.live(30)
        assert sum(request.path == "/v1/teams" for request in world.aircall.requests) == before + 1


def restarted(busy: SimulatedAccount, directory: Path) -> AbstractContextManager[Polled]:
    """Run an exporter for two minutes, and return another one that continues with its archive."""
    url, rarely = (
        f"sqlite:///{directory}/archive.sqlite",
        Refresh(calls=Duration(30), availabilities=Duration(30)),
    )
    with polled(busy, archive=Archive(url), refresh=rarely) as world:
        world.live_until_complete()
        world.live(120)
    return polled(busy, archive=Archive(url), refresh=rarely)


@pytest.fixture
def busy() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=300, seed=3, start=NOON, history=0)


@pytest.mark.parametrize("paths", [LISTS, ("/v1/teams",), ("/v2/users",)], ids="-".join)
def test_lists_empty_at_a_restart_count_calls_for_their_teams_later(
    busy: SimulatedAccount, paths: tuple[str, ...], tmp_path: Path
) -> None:
    with restarted(busy, tmp_path) as world:
        with world.aircall.failing(fault(without_objects, *paths)):
            world.live(120)
        world.live(300)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(busy)


def test_teams_removed_before_a_restart_delay_team_counters_for_minutes_only(
    busy: SimulatedAccount, tmp_path: Path
) -> None:
    with restarted(busy, tmp_path) as world:
        busy.teams.clear()
        begun = world.time.now
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        single = world.scrape().sum("aircall_team_calls_total", team_id="none", outcome="answered")
    ended = [call for call in busy.calls.values() if call.answered_at and (call.ended_at or 0) > begun]
    assert single >= len(ended) > 0


def short_with_its_total(content: Any) -> None:
    """Leave out half of the objects on the only page, and keep `meta.total`."""
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = content[key][::2] if len(content[key]) > 1 else []


INCOMPLETE_AT_THE_START = {
    "short lists": lists_only(short_with_its_total),
    "short users": fault(short_with_its_total, "/v2/users"),
    "short teams": fault(short_with_its_total, "/v1/teams"),
    "short numbers": Fault(at_path("/v1/numbers"), faults.edited(short_with_its_total)),
    "teams without users": GLITCHES["teams without users"],
    "numbers without users": GLITCHES["numbers without users"],
    "teams and numbers without users": fault(
        lambda content: without_members(content) if "teams" in content else without_assigned_users(content),
        "/v1/teams",
        "/v1/numbers/",
    ),
}


@pytest.mark.parametrize("glitch", INCOMPLETE_AT_THE_START.values(), ids=INCOMPLETE_AT_THE_START)
def test_lists_incomplete_at_the_start_are_fetched_again_within_minutes(
    account: SimulatedAccount, glitch: Fault
) -> None:
    with polled(account) as world:
        world.live_until_complete()
        complete = shown(world.scrape())
    with polled(account) as world:
        with world.aircall.failing(glitch):
            world.live(INCOMPLETE_LIST_INTERVAL_S + 100)  # the second fetch is incomplete as well
            assert shown(world.scrape()) != complete
        world.live(INCOMPLETE_LIST_INTERVAL_S + 30)
        assert shown(world.scrape()) == complete


def test_lists_complete_are_not_fetched_again_within_minutes(account: SimulatedAccount) -> None:
    with polled(account) as world:
        with world.aircall.failing(INCOMPLETE_AT_THE_START["short lists"]):
            world.live(60)
        world.live(INCOMPLETE_LIST_INTERVAL_S + 30)
        before = sum(request.path in LISTS[:2] for request in world.aircall.requests)
        world.live(2 * INCOMPLETE_LIST_INTERVAL_S)
        assert sum(request.path in LISTS[:2] for request in world.aircall.requests) == before
