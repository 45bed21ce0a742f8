"""The directory while users, teams and numbers are added, removed, moved and renamed."""

import pytest
import structlog

from exporter.simulator.faults import Fault, edited
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled


def test_user_not_listed_yet_is_shown_by_their_id(world: Polled, account: SimulatedAccount) -> None:
    team = next(iter(account.teams.values()))
    user = account.add_user("Ada Lovelace", team_ids=[team.id])
    while str(user.id) not in world.scrape().labels("aircall_user_availability_code", "user_id"):
        world.step(world.time.now + 60)
    scrape = world.scrape()
    assert scrape.labels("aircall_user_availability_code", "user", user_id=user.id) == {f"user {user.id}"}
    world.live(20)
    scrape = world.scrape()
    assert scrape.labels("aircall_user_availability_code", "user", user_id=user.id) == {"Ada Lovelace"}
    assert scrape.labels("aircall_user_team_info", "team", user_id=user.id) == {team.name}


def test_user_never_listed_causes_one_fetch_of_the_lists(world: Polled, account: SimulatedAccount) -> None:
    user = account.add_user("Ada Lovelace")

    def hide(content: dict) -> None:
        content["users"] = [listed for listed in content["users"] if listed["id"] != user.id]

    world.aircall.faults.append(Fault(lambda path: path == "/v2/users", edited(hide)))
    before = len([r for r in world.aircall.requests if r.path == "/v1/teams"])
    world.live(300)
    assert len([r for r in world.aircall.requests if r.path == "/v1/teams"]) == before + 1


def test_user_removed_leaves_the_board_and_their_calls_stay_counted(
    world: Polled, account: SimulatedAccount
) -> None:
    user = next(iter(account.users.values()))
    number = account.numbers_of(user.id)[0]
    call = account.ring_in(number.id, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, user.id, at=world.time.now)
    account.hang_up(call.id, at=world.time.now + 5)
    world.live(30)
    account.remove_user(user.id)
    world.poller.refresh()
    world.live(60)
    scrape = world.scrape()
    assert str(user.id) not in scrape.labels("aircall_user_info", "user_id")
    assert str(user.id) not in scrape.labels("aircall_user_availability", "user_id")
    assert str(user.id) not in scrape.labels("aircall_user_number_info", "user_id")
    assert (
        scrape.value(
            "aircall_calls_total",
            user_id=user.id,
            user=user.name,
            number_id=number.id,
            outcome="answered",
            direction="inbound",
        )
        == 1
    )


def test_user_renamed_and_moved_has_the_new_name_and_team(world: Polled, account: SimulatedAccount) -> None:
    user = next(iter(account.users.values()))
    old, new = account.add_team("Old"), account.add_team("New")
    old.user_ids.add(user.id)
    world.poller.refresh()
    world.live(30)
    assert "Old" in world.scrape().labels("aircall_user_team_info", "team", user_id=user.id)
    user.name = "Someone Else"
    old.user_ids.discard(user.id)
    new.user_ids.add(user.id)
    world.poller.refresh()
    world.live(30)
    scrape = world.scrape()
    assert scrape.labels("aircall_user_info", "user", user_id=user.id) == {"Someone Else"}
    teams = scrape.labels("aircall_user_team_info", "team", user_id=user.id)
    assert "New" in teams and "Old" not in teams


def test_number_added_has_its_users_within_a_minute(world: Polled, account: SimulatedAccount) -> None:
    number = account.add_number("Hotline", "+33 1 00 00 00 00", "FR", "Europe/Paris")
    user = next(iter(account.users))
    number.user_ids.add(user)
    account.ring_in(number.id, "+33 1 11 11 11 11", at=world.time.now)
    world.live(60)
    scrape = world.scrape()
    assert scrape.labels("aircall_user_number_info", "user_id", number_id=number.id) == {str(user)}
    assert set(scrape.all("aircall_user_waiting_calls", user_id=user).values()) == {1}


@pytest.mark.parametrize(
    ("served", "users", "numbers", "expected"),
    [
        ({}, 24, 6, "/v1/numbers/"),
        ({}, 3, 9, "/v2/users/"),
        ({"v2": False}, 3, 9, "/v1/users/"),
    ],
)
def test_assignments_are_fetched_for_the_shorter_list(
    served: dict, users: int, numbers: int, expected: str
) -> None:
    account = SimulatedAccount(users=users, calls_per_hour=0, start=NOON)
    while len(account.numbers) < numbers:
        account.add_number("More", "+33 1 00 00 00 00", "FR", "Europe/Paris").user_ids.update(account.users)
    with polled(account, served=served) as world:
        world.live_until_complete()
        scrape = world.scrape()
    paths = [
        r.path for r in world.aircall.requests if r.path.startswith(expected) and "availabilit" not in r.path
    ]
    assert len(paths) == min(len(account.users), len(account.numbers))
    for number in account.numbers.values():
        users_of = scrape.labels("aircall_user_number_info", "user_id", number_id=number.id)
        assert users_of == {str(user) for user in number.user_ids}


@pytest.mark.parametrize("served", [{"v2": False}, {"v1_users": False}, {}])
def test_users_one_api_version_missing_are_fetched_from_the_other(served: dict) -> None:
    with polled(SimulatedAccount(users=60, calls_per_hour=0, start=NOON), served=served) as world:
        world.live_until_complete()
        assert len(world.scrape().labels("aircall_user_info", "user_id")) == 60
        version = "/v1/users" if served.get("v2") is False else "/v2/users"
        world.poller.refresh()
        world.live(60)
        lists = [r.path for r in world.aircall.requests if r.path in ("/v1/users", "/v2/users")]
        assert set(lists[-2:]) == {version}


def test_teams_setting_shows_only_these_teams_and_their_users(account: SimulatedAccount) -> None:
    shown = next(iter(account.teams.values()))
    with polled(account, teams=(shown.name, "Single Users")) as world:
        world.live_until_complete()
        scrape = world.scrape()
    assert scrape.labels("aircall_team_users", "team") == {shown.name, "Single Users"}
    assert scrape.labels("aircall_user_availability", "team") <= {shown.name, "Single Users"}
    others = set().union(*(t.user_ids for t in account.teams.values() if t.id != shown.id)) - shown.user_ids
    assert not {str(user) for user in others} & scrape.labels("aircall_user_availability", "user_id")
    assert len(scrape.labels("aircall_number_period_calls", "number_id")) == len(account.numbers)


def test_availability_not_known_is_logged_once_and_shown_as_unknown(
    world: Polled, account: SimulatedAccount
) -> None:
    user = next(iter(account.users))
    account.set_availability(user, "on_the_moon", at=world.time.now)
    with structlog.testing.capture_logs() as logs:
        world.poll()
        world.poll()
    assert [line["availability"] for line in logs if "availability" in line] == ["on_the_moon"]
    scrape = world.scrape()
    assert set(scrape.all("aircall_user_availability_code", user_id=user).values()) == {5}
    assert set(scrape.all("aircall_user_availability", user_id=user, state="unknown").values()) == {1}


def test_availability_seconds_after_changes_add_up_for_each_state(
    world: Polled, account: SimulatedAccount
) -> None:
    user = next(iter(account.users))
    account.set_availability(user, "do_not_disturb", at=world.time.now)
    world.live(120)
    account.set_availability(user, "available", at=world.time.now)
    begun = world.time.now
    world.live(60)
    scrape = world.scrape()
    team = scrape.labels("aircall_user_availability_code", "team_id", user_id=user).pop()
    seconds = {
        state: scrape.number(
            "aircall_user_availability_seconds_total", user_id=user, team_id=team, state=state
        )
        for state in ("do_not_disturb", "available", "unknown")
    }
    assert seconds["do_not_disturb"] == pytest.approx(120, abs=12)
    assert seconds["available"] >= 48
    assert seconds["unknown"] == 0
    changed = scrape.value("aircall_user_availability_changed_timestamp_seconds", user_id=user, team_id=team)
    assert changed == pytest.approx(begun, abs=12)


def test_availability_seconds_without_polls_are_unknown(world: Polled, account: SimulatedAccount) -> None:
    world.time.now += 3600
    world.poll()
    scrape = world.scrape()
    user = next(iter(account.users))
    unknown = scrape.all("aircall_user_availability_seconds_total", user_id=user, state="unknown")
    assert unknown
    for value in unknown.values():
        assert value == pytest.approx(3600, abs=30)
