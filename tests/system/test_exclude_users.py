"""Excluded users appear on no board and in no figure of users and teams; sums still include their calls."""

from pathlib import Path

import pytest
from msgspec import structs

from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedUser
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled

OFTEN = Refresh(users=Duration(30))
WAYS = pytest.mark.parametrize("way", ["id", "name", "email"])


def named(scrape: Scrape, user: int) -> set[str]:
    """Return the families with a series of the user."""
    return {name for name in scrape.samples if scrape.all(name, user_id=user)}


def test_excluded_users_have_no_series_and_their_calls_count_for_numbers_and_others() -> None:
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=6, start=NOON, history=0)
    by_name, by_id, by_email, *_ = account.users.values()
    excluded = (by_name.name, by_id.id, by_email.email)
    namesakes = {user.id for user in account.users.values() if user.name == by_name.name}
    with polled(account, exclude_users=excluded) as world:
        world.live_until_complete()
        world.live(1800)
        world.freeze()
        scrape = world.scrape()
    gone = namesakes | {by_id.id, by_email.id}
    left = account.users.keys() - gone
    assert [user for user in account.users if named(scrape, user)] == sorted(left)
    teams = {str(team.id): team.user_ids & left for team in account.teams.values()}
    for team, members in teams.items():
        assert scrape.sum("aircall_team_users", team_id=team) == len(members)
        answered = [
            c for c in account.calls.values() if c.user_id in members and c.ended_at and c.answered_at
        ]
        labels = {"team_id": team, "period": "today", "outcome": "answered"}
        assert scrape.sum("aircall_team_period_calls", **labels) == len(answered)
    for number in account.numbers.values():
        assert scrape.sum("aircall_number_users", number_id=number.id) == len(number.user_ids & left)
    counts, expected = counted(scrape), to_be_counted(account)
    for family in ("missed", "answer", "talk"):
        assert counts[family] == expected[family]
    by_excluded = sum(n for (user, *_), n in expected["calls"].items() if user in map(str, gone))
    others = sum(n for (user, *_), n in counts["calls"].items() if user == "others")
    assert by_excluded == others > 0
    assert counts["calls"].total() == expected["calls"].total()


def small_account() -> tuple[SimulatedAccount, SimulatedUser]:
    """Return an account without calls, and a user whose name no other user has."""
    account = SimulatedAccount(users=5, calls_per_hour=0, start=NOON, history=0)
    return account, account.add_user("Test account")


def talk(world: Polled, hidden: int = 0) -> None:
    """Let every user have a call, while no scrape shows the user `hidden`."""
    account = world.account
    number = next(iter(account.numbers))
    for user in sorted(account.users):
        call = account.dial(user, number, "+33 1 11 11 11 11", at=account.now)
        account.answer(call.id, user, at=account.now + 1)
        account.hang_up(call.id, at=account.now + 2)
    watch(world, 30, hidden)


def watch(world: Polled, seconds: float, hidden: int = 0) -> dict[str, float]:
    """Let `seconds` go by, and return the calls by user; no scrape meanwhile shows the user `hidden`."""
    until, seen = world.time.now + seconds, None
    while world.time.now < until:
        world.step(until)
        if world.poller.snapshot().board is not seen:
            seen = world.poller.snapshot().board
            assert not hidden or not named(world.scrape(), hidden)
    return calls_by_user(world.scrape())


def counted_after_talks(world: Polled, hidden: int) -> dict[str, float]:
    """Let each user talk, and return the counted calls of each user. No scrape may show the `hidden` one."""
    world.live_until_complete()
    talk(world)
    return watch(world, 60, hidden)


def calls_by_user(scrape: Scrape) -> dict[str, float]:
    """Return the counted calls of each user with series."""
    users = scrape.labels("aircall_calls_total", "user_id")
    return {user: scrape.sum("aircall_calls_total", user_id=user) for user in users - {""}}


@WAYS
def test_excluded_user_after_a_restart_without_the_list_of_users_stays_excluded(
    way: str, tmp_path: Path
) -> None:
    account, tester = small_account()
    excluded, archive = (getattr(tester, way),), f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(archive), exclude_users=excluded) as world:
        before = counted_after_talks(world, tester.id)
    assert before == {str(user): 1 for user in account.users if user != tester.id} | {"others": 1}
    with polled(account, archive=Archive(archive), exclude_users=excluded) as world:
        failing = Fault(lambda path: path.endswith("/users"), faults.answer(500))
        world.aircall.faults.append(failing)
        unlisted = watch(world, 40, tester.id)
        assert unlisted == ({"others": 1} if way == "email" else before)
        assert bool(world.scrape().all("aircall_user_availability")) == (way != "email")
        assert world.scrape().all("aircall_team_users")
        world.aircall.faults.remove(failing)
        assert watch(world, 60, tester.id) == before


@WAYS
def test_excluded_user_who_is_deleted_has_no_series_and_others_does_not_fall(
    way: str, tmp_path: Path
) -> None:
    account, tester = small_account()
    excluded, archive = (getattr(tester, way),), f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(archive), exclude_users=excluded, refresh=OFTEN) as world:
        before = counted_after_talks(world, tester.id)
        account.remove_user(tester.id)
        assert watch(world, 150, tester.id) == before
        assert before["others"] == 1
    with polled(account, archive=Archive(archive), exclude_users=excluded, refresh=OFTEN) as world:
        assert watch(world, 60, tester.id) == before


def test_exclusion_that_a_reload_adds_and_removes_moves_no_calls_between_series(tmp_path: Path) -> None:
    account, tester = small_account()
    archive = f"sqlite:///{tmp_path}/archive.sqlite"
    rest = {str(user) for user in account.users if user != tester.id}

    def reload(world: Polled, *excluded: str) -> dict[str, float]:
        world.settings = structs.replace(world.settings, exclude_users=excluded)
        world.poller.configure(world.settings, world.client)
        return calls_by_user(world.scrape())

    with polled(account, archive=Archive(archive)) as world:
        world.live_until_complete()
        watch(world, 30)
        talk(world)
        talk(world)
        assert reload(world, tester.email) == dict.fromkeys(rest, 2)
        talk(world)
        assert watch(world, 60, tester.id) == dict.fromkeys(rest, 3) | {"others": 1}
    with polled(account, archive=Archive(archive), exclude_users=(tester.email,)) as world:
        assert watch(world, 60, tester.id) == dict.fromkeys(rest, 3) | {"others": 1}
        assert reload(world) == dict.fromkeys(rest, 3) | {"others": 1, str(tester.id): 2}
        talk(world)
        assert watch(world, 60) == dict.fromkeys(rest, 4) | {"others": 1, str(tester.id): 3}
    with polled(account, archive=Archive(archive), exclude_users=(tester.id,)) as world:
        assert watch(world, 60, tester.id) == dict.fromkeys(rest, 4) | {"others": 1}


def test_new_user_who_may_be_excluded_by_name_is_not_shown_before_a_list_names_them() -> None:
    account, _ = small_account()
    with polled(account, exclude_users=("New test account",), refresh=OFTEN) as world:
        world.live_until_complete()
        failing = Fault(lambda path: path.endswith("/users"), faults.answer(500))
        world.aircall.faults.append(failing)
        new = account.add_user("New test account").id
        talk(world, new)
        world.aircall.faults.remove(failing)
        assert watch(world, 60, new)["others"] == 1
