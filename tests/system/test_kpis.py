"""The KPIs on the board equal those of a plain recount of the account's calls."""

from collections.abc import Iterator

import pytest

from exporter.account.ledger import BATCH_SIZE
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.kpi_cases import (
    DAY_BEGAN,
    DEFINITIONS,
    EVENTS,
    OVERRIDDEN_TARGET,
    Case,
    assert_group,
    counts_of,
    definition_of,
    in_period,
    number_of,
    numbers_of,
    period_calls,
    run,
    sla_of,
    team_of,
    teams,
)
from tests.support.recovery import fetch_all, until_no_range_is_missing

STATES = ("available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown")


@pytest.fixture(
    scope="module",
    params=[
        Case(24, 180, 1, polled, "of all calls"),
        Case(60, 400, 2, polled, "without short abandons", with_overrides=True),
        Case(30, 200, 3, polled, "within opening hours", smartflows=False),
        Case(24, 240, 4, EVENTS, "without abandons before the threshold"),
        Case(60, 400, 2, EVENTS, "of all calls", with_overrides=True),
    ],
    ids=lambda case: f"{case.users} {case.definition}{', overrides' if case.with_overrides else ''}",
)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture(scope="module")
def world(case: Case) -> Iterator[Polled]:
    """Run an exporter of a busy account for half an hour, and until the whole day has been fetched."""
    with run(case) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        world.live(1800)
        fetch_all(world)
        yield world


@pytest.fixture(scope="module")
def scrape(world: Polled) -> Scrape:
    return world.scrape()


@pytest.fixture(params=["recent", "today"])
def period(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_simulated_account_after_half_an_hour_has_every_relevant_case(world: Polled) -> None:
    members = teams(world)
    names = [user.name for user in world.account.users.values()]
    assert members["none"]
    assert any(sum(user in ids for ids in members.values()) > 1 for user in world.account.users)
    assert len(set(names)) < len(names)
    assert any(call.missed_call_reason for call in in_period(world, "recent"))
    assert len(in_period(world, "today")) > len(in_period(world, "recent"))
    assert len(in_period(world, "today")) < len(world.account.calls)


def test_user_metrics_after_half_an_hour_equal_the_recount(
    case: Case, world: Polled, scrape: Scrape, period: str
) -> None:
    calls = in_period(world, period)
    for user in world.account.users.values():
        own = [call for call in calls if call.user_id == user.id]
        missed = recount.missed_on(calls, numbers_of(world, {user.id}))
        for team in (team for team, members in teams(world).items() if user.id in members):
            labels = {"user_id": user.id, "user": user.name, "team_id": team, "period": period}
            assert period_calls(scrape, "user", labels) == counts_of(own, missed)
            answer = recount.average_answer(own)
            assert scrape.value("aircall_user_average_answer_seconds", **labels) == answer
            average = recount.average_call(own)
            assert scrape.value("aircall_user_average_call_duration_seconds", **labels) == average
            sla = sla_of(case, team == str(team_of(world.account).id))
            breached = answer is not None and answer > sla
            assert scrape.value("aircall_user_sla_breached", **labels) == breached


def test_team_metrics_after_half_an_hour_equal_the_recount(
    case: Case, world: Polled, scrape: Scrape, period: str
) -> None:
    calls = in_period(world, period)
    for team, members in teams(world).items():
        overridden = team == str(team_of(world.account).id)
        assert_group(
            scrape,
            "team",
            {"team_id": team, "period": period},
            own=[call for call in calls if call.user_id in members],
            missed=recount.missed_on(calls, numbers_of(world, members)),
            by=definition_of(case, overridden),
            sla=sla_of(case, overridden),
        )
        for state in STATES:
            users = sum(world.account.availability(user) == state for user in members)
            assert scrape.value("aircall_team_users", team_id=team, state=state) == users


def test_number_metrics_after_half_an_hour_equal_the_recount(
    case: Case, world: Polled, scrape: Scrape, period: str
) -> None:
    calls = in_period(world, period)
    for number in world.account.numbers.values():
        own = [call for call in calls if call.number_id == number.id]
        overridden = number is number_of(world.account)
        assert_group(
            scrape,
            "number",
            {"number_id": number.id, "period": period},
            own=own,
            missed=recount.missed(own),
            by=definition_of(case, overridden),
            sla=sla_of(case, overridden),
        )
        for state in STATES:
            users = sum(world.account.availability(user) == state for user in number.user_ids)
            assert scrape.value("aircall_number_users", number_id=number.id, state=state) == users


def test_rules_in_force_are_exposed_for_each_number_and_team(
    case: Case, world: Polled, scrape: Scrape
) -> None:
    general = DEFINITIONS[case.definition].target
    for kind, ids, own in (
        ("number", world.account.numbers, number_of(world.account).id),
        ("team", teams(world), str(team_of(world.account).id)),
    ):
        for id_ in ids:
            overridden = id_ == own and case.with_overrides
            labels = {f"{kind}_id": id_}
            target = OVERRIDDEN_TARGET if overridden else general
            assert scrape.value(f"aircall_{kind}_service_level_target_ratio", **labels) == target
            assert scrape.value(f"aircall_{kind}_sla_seconds", **labels) == sla_of(case, overridden)
    assert scrape.value("aircall_today_start_timestamp_seconds") == DAY_BEGAN


def test_live_metrics_after_half_an_hour_equal_the_account(world: Polled, scrape: Scrape) -> None:
    account = world.account
    unanswered = [call for call in account.calls.values() if call.is_waiting and call.number]
    now = world.poller.account.as_of
    menus = {call.id for call in unanswered if account.smartflows and recount.in_menu(call, now)}
    waiting = [call for call in unanswered if call.id not in menus]
    assert scrape.labels("aircall_queue_call_wait_seconds", "call_id") == {str(call.id) for call in waiting}
    for number in account.numbers.values():
        queue = sum(call.number_id == number.id for call in waiting)
        assert scrape.value("aircall_queue_calls", number_id=number.id) == queue
        in_menu = sum(call.id in menus for call in unanswered if call.number_id == number.id)
        assert scrape.value("aircall_queue_menu_calls", number_id=number.id) == in_menu
    for user in account.users.values():
        state = account.availability(user.id)
        shown = {
            dict(labels)["state"]
            for labels, on in scrape.all("aircall_user_availability", user_id=user.id).items()
            if on
        }
        assert shown == {state}
        talking = [c for c in account.calls.values() if c.status == "answered" and c.user_id == user.id]
        callers = {call.raw_digits for call in talking}
        assert scrape.labels("aircall_user_current_call_seconds", "caller", user_id=user.id) == callers
        could_pick_up = sum(user.id in call.number.user_ids for call in waiting if call.number)
        for value in scrape.all("aircall_user_waiting_calls", user_id=user.id).values():
            assert value == could_pick_up


def counted(world: Polled) -> list:
    """Return the done calls that started or ended late enough to be counted."""
    ledger = world.poller.account.ledger
    return [
        call
        for call in world.account.calls.values()
        if call.ended_at is not None
        and (call.started_at >= ledger.counted_from or call.ended_at >= ledger.ended_from)
    ]


def test_counters_after_half_an_hour_count_each_call_once(world: Polled, scrape: Scrape) -> None:
    calls = counted(world)
    assert scrape.sum("aircall_calls_total") == len(calls)
    assert scrape.sum("aircall_missed_calls_total") == recount.count(calls, "inbound", "missed")
    inbound = [call for call in calls if call.direction == "inbound"]
    answered = [call for call in inbound if recount.kind(call) == "answered"]
    assert scrape.sum("aircall_call_answer_seconds_count") == len(answered)
    assert scrape.sum("aircall_call_answer_seconds_sum") == sum(
        c.answered_at - recount.waits_from(c) for c in answered
    )
    talked = [call for call in calls if call.answered_at is not None]
    assert scrape.sum("aircall_call_talk_seconds_sum") == sum(c.ended_at - c.answered_at for c in talked)
    by_users = [call for call in answered if call.user_id is not None]
    assert scrape.sum("aircall_user_answer_seconds_count") == len(by_users)
    for team, members in teams(world).items():
        own = [call for call in calls if call.user_id in members]
        total = scrape.value(
            "aircall_team_calls_total", team_id=team, direction="outbound", outcome="answered"
        )
        assert total == recount.count(own, "outbound", "answered")


def test_team_counters_after_the_start_appear_once_they_are_complete() -> None:
    account = SimulatedAccount(users=60, calls_per_hour=4000, seed=4, start=NOON)
    with polled(account, served={"rate_limit": 600}) as world:
        while not world.scrape().all("aircall_team_calls_total"):
            world.step(world.time.now + 60)
        first = world.scrape()
        world.live(5)
        later = world.scrape()
    since = later.sum("aircall_calls_total") - first.sum("aircall_calls_total")
    assert first.sum("aircall_calls_total") > BATCH_SIZE
    for team, before in first.all("aircall_team_calls_total").items():
        assert 0 <= later.samples["aircall_team_calls_total"][team] - before <= since
