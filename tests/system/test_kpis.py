"""The KPIs on the board equal those of a plain recount of the account's calls."""

from collections.abc import Iterator
from functools import partial

import pytest

from exporter.account.ledger import BATCH_SIZE
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness import recount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.webhook_world import polled_with_events

STATES = ("available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown")
KINDS = (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered"))
SLA = 8


POORLY = NetworkConditions(lost=0.1, doubled=0.1, late=0.2, late_seconds=60)
"""The network between Aircall and the last two exporters."""


@pytest.fixture(
    scope="module",
    params=[
        (24, 180, 1, polled),
        (60, 400, 2, polled),
        (30, 200, 3, polled),
        (24, 240, 4, partial(polled_with_events, network=POORLY)),
        (60, 400, 2, partial(polled_with_events, network=POORLY)),
    ],
    ids=["24 polled", "60 polled", "30 polled", "24 with events", "60 with events"],
)
def world(request: pytest.FixtureRequest) -> Iterator[Polled]:
    """Run an exporter of a busy account for half an hour."""
    users, calls_per_hour, seed, run = request.param
    account = SimulatedAccount(users=users, calls_per_hour=calls_per_hour, seed=seed, start=NOON)
    with run(account, sla=SLA) as world:
        world.live_until_complete()
        world.live(1800)
        world.freeze()
        yield world


@pytest.fixture(scope="module")
def scrape(world: Polled) -> Scrape:
    return world.scrape()


def in_period(world: Polled) -> list:
    return recount.finished(world.account, world.poller.account.as_of)


def teams(world: Polled) -> dict[str, set[int]]:
    """Return the members by team id, including those of Single Users."""
    account = world.account
    members = {str(team.id): team.user_ids & account.users.keys() for team in account.teams.values()}
    return members | {"none": account.users.keys() - set().union(*members.values())}


def numbers_of(world: Polled, user_ids: set[int]) -> set[int]:
    return {number.id for number in world.account.numbers.values() if number.user_ids & user_ids}


def test_simulated_account_after_half_an_hour_has_every_relevant_case(world: Polled) -> None:
    members = teams(world)
    names = [user.name for user in world.account.users.values()]
    assert members["none"]
    assert any(sum(user in ids for ids in members.values()) > 1 for user in world.account.users)
    assert len(set(names)) < len(names)
    assert any(call.missed_call_reason for call in in_period(world))


def test_user_metrics_after_half_an_hour_equal_the_recount(world: Polled, scrape: Scrape) -> None:
    calls = in_period(world)
    for user in world.account.users.values():
        own = [call for call in calls if call.user_id == user.id]
        numbers = numbers_of(world, {user.id})
        for team in (team for team, members in teams(world).items() if user.id in members):
            labels = {"user_id": user.id, "user": user.name, "team_id": team}
            for direction, outcome in KINDS:
                value = scrape.value(
                    "aircall_user_period_calls", direction=direction, outcome=outcome, **labels
                )
                assert value == recount.count(own, direction, outcome)
            missed = scrape.value(
                "aircall_user_period_calls", direction="inbound", outcome="missed", **labels
            )
            assert missed == recount.missed_on(calls, numbers)
            answer = recount.average_answer(own)
            assert scrape.value("aircall_user_average_answer_seconds", **labels) == answer
            assert scrape.value(
                "aircall_user_average_call_duration_seconds", **labels
            ) == recount.average_call(own)
            assert scrape.value("aircall_user_sla_breached", **labels) == (
                answer is not None and answer > SLA
            )


def test_team_metrics_after_half_an_hour_equal_the_recount(world: Polled, scrape: Scrape) -> None:
    calls = in_period(world)
    for team, members in teams(world).items():
        own = [call for call in calls if call.user_id in members]
        missed = recount.missed_on(calls, numbers_of(world, members))
        for direction, outcome in KINDS:
            value = scrape.value(
                "aircall_team_period_calls", team_id=team, direction=direction, outcome=outcome
            )
            assert value == recount.count(own, direction, outcome)
        assert scrape.value("aircall_team_period_calls", team_id=team, outcome="missed") == missed
        assert scrape.sum("aircall_team_period_missed_calls", team_id=team) == missed
        answer = recount.average_answer(own)
        assert scrape.value("aircall_team_average_answer_seconds", team_id=team) == answer
        level = recount.service_level(own, missed)
        assert scrape.value("aircall_team_service_level_ratio", team_id=team) == level
        assert scrape.value("aircall_team_sla_breached", team_id=team) == (
            answer is not None and answer > SLA
        )
        for state in STATES:
            users = sum(world.account.availability(user) == state for user in members)
            assert scrape.value("aircall_team_users", team_id=team, state=state) == users


def test_number_metrics_after_half_an_hour_equal_the_recount(world: Polled, scrape: Scrape) -> None:
    calls = in_period(world)
    for number in world.account.numbers.values():
        own = [call for call in calls if call.number_id == number.id]
        missed = recount.count(own, "inbound", "missed")
        for direction, outcome in (*KINDS, ("inbound", "missed")):
            value = scrape.value(
                "aircall_number_period_calls", number_id=number.id, direction=direction, outcome=outcome
            )
            assert value == recount.count(own, direction, outcome)
        for reason in scrape.labels("aircall_number_period_missed_calls", "reason", number_id=number.id):
            value = scrape.value("aircall_number_period_missed_calls", number_id=number.id, reason=reason)
            assert value == sum(call.missed_call_reason == reason for call in own)
        assert scrape.sum("aircall_number_period_missed_calls", number_id=number.id) == missed
        answer = recount.average_answer(own)
        assert scrape.value("aircall_number_average_answer_seconds", number_id=number.id) == answer
        level = recount.service_level(own, missed)
        assert scrape.value("aircall_number_service_level_ratio", number_id=number.id) == level
        for state in STATES:
            users = sum(world.account.availability(user) == state for user in number.user_ids)
            assert scrape.value("aircall_number_users", number_id=number.id, state=state) == users


def test_live_metrics_after_half_an_hour_equal_the_account(world: Polled, scrape: Scrape) -> None:
    account = world.account
    waiting = [
        c for c in account.calls.values() if c.status == "initial" and c.direction == "inbound" and c.number
    ]
    assert scrape.labels("aircall_queue_call_wait_seconds", "call_id") == {str(call.id) for call in waiting}
    for number in account.numbers.values():
        queue = sum(call.number_id == number.id for call in waiting)
        assert scrape.value("aircall_queue_calls", number_id=number.id) == queue
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
    answered = [call for call in calls if call.direction == "inbound" and call.missed_call_reason is None]
    assert scrape.sum("aircall_call_answer_seconds_count") == len(answered)
    assert scrape.sum("aircall_call_answer_seconds_sum") == sum(
        c.answered_at - c.started_at for c in answered
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
