"""Groups of the configuration, and values that exceed a threshold."""

import msgspec
import pytest

from exporter.account.unknown_names import unknown_names
from exporter.config.settings import Group, Override, Overrides, ServiceLevel, Thresholds
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=30, calls_per_hour=0, start=NOON)


def test_group_of_users_teams_or_numbers_is_exposed_like_a_team(account: SimulatedAccount) -> None:
    users = list(account.users.values())
    team, number = next(iter(account.teams.values())), next(iter(account.numbers.values()))
    call = account.ring_in(number.id, "+33 1 11 11 11 11")
    account.miss(call.id, "no_available_agent", at=NOON + 5)
    groups = (
        Group("By name and id", users=(users[0].name, users[3].id)),
        Group("By team", teams=(team.name,)),
        Group("By number", numbers=(str(number.id),)),
    )
    with polled(account, groups=groups, teams=("Single Users",)) as world:
        world.live_until_complete()
        scrape = world.scrape()
    members = {
        group.name: scrape.labels("aircall_user_availability", "user_id", team_id=f"group:{group.name}")
        for group in groups
    }
    named = {str(user.id) for user in users if user.name == users[0].name} | {str(users[3].id)}
    assert members["By name and id"] == named
    assert members["By team"] == {str(user) for user in team.user_ids}
    assert members["By number"] == {str(user) for user in number.user_ids}
    labels = {"team_id": "group:By number", "team": "By number", "direction": "inbound", "outcome": "missed"}
    assert scrape.value("aircall_team_period_calls", period="recent", **labels) == 1
    assert scrape.value("aircall_team_calls_total", **labels) == 1
    assert scrape.sum("aircall_team_users", team_id="group:By team") == len(team.user_ids)


def test_group_of_numbers_has_no_members_once_assignments_are_switched_off(
    account: SimulatedAccount,
) -> None:
    number = next(iter(account.numbers.values()))
    with polled(account, groups=(Group("Desk", numbers=(number.name,)),)) as world:
        world.live_until_complete()
        assert world.scrape().sum("aircall_team_users", team_id="group:Desk") == len(number.user_ids)
        changed = msgspec.structs.replace(world.settings, map_users_to_numbers=False)
        world.poller.configure(changed, world.client)
        assert world.scrape().sum("aircall_team_users", team_id="group:Desk") == 0


def test_unknown_names_in_the_configuration_are_reported(account: SimulatedAccount) -> None:
    groups = (Group("Desk", users=("Nobody", next(iter(account.users))), teams=(1,)),)
    number, team = next(iter(account.numbers.values())), next(iter(account.teams.values()))
    overrides = Overrides(
        {number.id: Override(), number.name: Override(), f"{number.name}s": Override()},
        {"Desk": Override(), "Single Users": Override(), team.name.lower(): Override()},
    )
    excluded = ("nobody@example.com", next(iter(account.users.values())).email.upper())
    shown = ("Single User", "Single Users")
    with polled(account, groups=groups, teams=shown, overrides=overrides, exclude_users=excluded) as world:
        world.live_until_complete()
        account_now = world.poller.account
        assert tuple(unknown_names(account_now.directory, account_now.settings)) == (
            "teams: Single User, did you mean Single Users?",
            "exclude_users: nobody@example.com",
            f"overrides.numbers: {number.name}s, did you mean {number.name}?",
            f"overrides.teams: {team.name.lower()}, did you mean {team.name}?",
            "groups, Desk: users: Nobody",
            "groups, Desk: teams: 1",
        )


def test_threshold_exceeded_state_lasts_too_long_is_1(account: SimulatedAccount) -> None:
    user = next(iter(account.users))
    thresholds = Thresholds(do_not_disturb=Duration(60), after_call_work=Duration(30))
    with polled(account, thresholds=thresholds) as world:
        world.live_until_complete()
        account.set_availability(user, "do_not_disturb", at=world.time.now)
        world.poll()

        def exceeded(kpi: str) -> set[float]:
            scrape = world.scrape()
            return set(scrape.all("aircall_user_threshold_exceeded", user_id=user, kpi=kpi).values())

        assert exceeded("do_not_disturb") == exceeded("after_call_work") == {0}
        since = world.poller.account.presence.users[user].since
        world.time.now = since + 60
        assert exceeded("do_not_disturb") == {0}
        world.time.now = since + 60.1
        assert exceeded("do_not_disturb") == {1}
        assert exceeded("after_call_work") == {0}
        assert exceeded("in_call") == set()
        assert world.scrape().value("aircall_threshold_seconds", kpi="do_not_disturb") == 60


def test_threshold_exceeded_of_a_substatus_replaces_that_of_do_not_disturb(account: SimulatedAccount) -> None:
    on_manual = [id_ for id_, user in account.users.items() if user.availability_status != "custom"]
    on_break, lunch, closed = on_manual[:3]
    limits = {"On a break": Duration(600), "out for lunch": Duration(0)}
    with polled(account, thresholds=Thresholds(do_not_disturb=Duration(300), substatus=limits)) as world:
        world.live_until_complete()
        account.set_availability(on_break, "do_not_disturb", substatus="on_a_break")
        account.set_availability(lunch, "do_not_disturb", substatus="out_for_lunch")
        account.set_availability(closed, "do_not_disturb")
        world.live(100)
        since = max(world.poller.account.presence.users[user].since for user in (on_break, lunch, closed))

        def exceeded(after: float) -> list[set[float]]:
            world.time.now = since + after
            scrape = world.scrape()
            kpi = {"kpi": "do_not_disturb"}
            return [
                set(scrape.all("aircall_user_threshold_exceeded", user_id=user, **kpi).values())
                for user in (on_break, lunch, closed)
            ]

        assert exceeded(300) == [{0}, {0}, {0}]
        assert exceeded(310) == [{0}, {0}, {1}]
        assert exceeded(600) == [{0}, {0}, {1}]
        assert exceeded(610) == [{1}, {0}, {1}]
        assert exceeded(9000) == [{1}, {0}, {1}]


def test_threshold_exceeded_of_a_substatus_only_has_series_for_all_users(account: SimulatedAccount) -> None:
    with polled(account, thresholds=Thresholds(substatus={"unknown": Duration(60)})) as world:
        world.live_until_complete()
        found = world.scrape().labels("aircall_user_threshold_exceeded", "user_id", kpi="do_not_disturb")
        assert found == set(map(str, account.users))


def test_threshold_exceeded_calls_above_the_threshold_is_1(account: SimulatedAccount) -> None:
    number = next(iter(account.numbers.values()))
    user = min(number.user_ids)
    answered = account.ring_in(number.id, "+33 1 11 11 11 11")
    account.answer(answered.id, user, at=NOON + 10)
    account.hang_up(answered.id, at=NOON + 60)
    account.miss(account.ring_in(number.id, "+33 1 22 22 22 22").id, "short_abandoned", at=NOON + 65)
    for average, share, marked in ((59, 0.49, 1), (60, 0.5, 0)):
        thresholds = Thresholds(average_call=Duration(average), missed_rate=share)
        with polled(account, thresholds=thresholds) as world:
            world.live_until_complete()
            scrape = world.scrape()
        for kpi in ("average_call", "missed_rate"):
            user_values = scrape.all("aircall_user_threshold_exceeded", user_id=user, kpi=kpi).values()
            assert set(user_values) == {marked}
        share_of_number = {"number_id": number.id, "kpi": "missed_rate"}
        assert scrape.value("aircall_number_threshold_exceeded", **share_of_number) == marked


def test_threshold_exceeded_service_level_below_the_target_is_1(account: SimulatedAccount) -> None:
    number, quiet = list(account.numbers.values())[:2]
    user = min(number.user_ids)
    for wait, at in ((20, NOON), (21, NOON + 100)):
        call = account.ring_in(number.id, "+33 1 11 11 11 11", at=at)
        account.answer(call.id, user, at=at + wait)
        account.hang_up(call.id, at=at + 60)
    for threshold, marked in ((0.51, 1), (0.5, 0), (0.0, None)):
        with polled(account, service_level=ServiceLevel(target=threshold)) as world:
            world.live_until_complete()
            scrape = world.scrape()
        kpi = {"kpi": "service_level"}
        assert scrape.value("aircall_number_threshold_exceeded", number_id=number.id, **kpi) == marked
        assert scrape.value("aircall_number_threshold_exceeded", number_id=quiet.id, **kpi) == (marked and 0)
        teams = {team.id for team in account.teams.values() if user in team.user_ids}
        assert teams
        for team in teams:
            assert scrape.value("aircall_team_threshold_exceeded", team_id=team, **kpi) == marked
        assert scrape.value("aircall_threshold_ratio", **kpi) == threshold


def test_threshold_exceeded_without_thresholds_has_no_series(account: SimulatedAccount) -> None:
    with polled(account) as world:
        world.live_until_complete()
        scrape = world.scrape()
    assert not scrape.all("aircall_user_threshold_exceeded")
    assert set(scrape.all("aircall_threshold_seconds").values()) == {0}
