"""Tests of objects that appear in calls, events or availabilities, but in no list."""

from typing import Any

import pytest

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.request_log import at_path
from tests.support.short_lists import shown


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=0, start=NOON)


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
