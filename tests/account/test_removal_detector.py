"""Tests of incomplete lists: many missing objects are removed after minutes, a few of them at once."""

import pytest
from structlog.testing import capture_logs

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.request_log import at_path
from tests.support.short_lists import CONFIRMED, GLITCHES, shown, without_numbers, without_objects


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=0, start=NOON)


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
