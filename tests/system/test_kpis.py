"""The KPIs on the board equal those of a plain recount of the account's calls."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import pytest

from exporter.account.ledger import BATCH_SIZE
from exporter.config.settings import Override, Overrides, ServiceLevel, ServiceLevelOverride, Today
from exporter.durations import Duration
from exporter.simulator.models import SimulatedCall, SimulatedNumber, SimulatedTeam
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness import recount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.recovery import until_no_range_is_missing
from tests.support.webhook_world import polled_with_events

STATES = ("available", "offline", "do_not_disturb", "in_call", "after_call_work", "unknown")
KINDS = (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered"))
SLA = 8


POORLY = NetworkConditions(lost=0.1, doubled=0.1, late=0.2, late_seconds=60)
"""The network between Aircall and the last two exporters."""


DAY_BEGAN = NOON - 3400
"""21:30 in Paris."""

DEFINITIONS: dict[str, ServiceLevel] = {
    "of all calls": ServiceLevel(),
    "without short abandons": ServiceLevel(ignore_reasons=("short_abandoned",)),
    "without abandons before the threshold": ServiceLevel(ignore_abandoned_within=Duration(20)),
    "within opening hours": ServiceLevel(within=Duration(15), ignore_reasons=("out_of_opening_hours",)),
}
"""The four definitions of docs/service-level.md."""

OVERRIDDEN = recount.Definition(within=6, ignored_below=5, ignored_reasons=("short_abandoned",))
OVERRIDDEN_SLA, OVERRIDDEN_TARGET = 3, 0.9
OVERRIDE = Override(
    sla=Duration(OVERRIDDEN_SLA),
    service_level=ServiceLevelOverride(
        within=Duration(OVERRIDDEN.within),
        target=OVERRIDDEN_TARGET,
        ignore_abandoned_within=Duration(OVERRIDDEN.ignored_below),
        ignore_reasons=OVERRIDDEN.ignored_reasons,
    ),
)
"""The settings of one number and one team in the companies with overrides."""


class Case(NamedTuple):
    """A company: users, calls per hour, seed, how it is polled, and its definition of the service level."""

    users: int
    calls_per_hour: float
    seed: int
    run: Callable[..., AbstractContextManager[Polled]]
    definition: str
    with_overrides: bool = False


EVENTS = partial(polled_with_events, network=POORLY)


@pytest.fixture(
    scope="module",
    params=[
        Case(24, 180, 1, polled, "of all calls"),
        Case(60, 400, 2, polled, "without short abandons", with_overrides=True),
        Case(30, 200, 3, polled, "within opening hours"),
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
    account = SimulatedAccount(
        users=case.users, calls_per_hour=case.calls_per_hour, seed=case.seed, start=NOON, history=2 * 3600
    )
    overrides = Overrides({number_of(account).name: OVERRIDE}, {team_of(account).id: OVERRIDE})
    settings: dict[str, Any] = {
        "sla": SLA,
        "service_level": DEFINITIONS[case.definition],
        "today": Today("21:30", "Europe/Paris"),
        "overrides": overrides if case.with_overrides else Overrides(),
    }
    with case.run(account, **settings) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        world.live(1800)
        world.freeze()
        yield world


def number_of(account: SimulatedAccount) -> SimulatedNumber:
    """Return the number with rules of its own."""
    return next(iter(account.numbers.values()))


def team_of(account: SimulatedAccount) -> SimulatedTeam:
    """Return the team with rules of its own."""
    return next(iter(account.teams.values()))


@pytest.fixture(scope="module")
def scrape(world: Polled) -> Scrape:
    return world.scrape()


@pytest.fixture(params=["recent", "today"])
def period(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def in_period(world: Polled, period: str) -> list[SimulatedCall]:
    """Return the finished calls of a period."""
    now = world.poller.account.as_of
    length = recount.PERIOD if period == "recent" else now - DAY_BEGAN
    return recount.finished(world.account, now, length)


def definition_of(case: Case, overridden: bool) -> recount.Definition:
    """Return the definition for a number or team."""
    if overridden and case.with_overrides:
        return OVERRIDDEN
    level = DEFINITIONS[case.definition]
    return recount.Definition(
        level.within or recount.CRITICAL, level.ignore_abandoned_within, level.ignore_reasons
    )


def sla_of(case: Case, overridden: bool) -> float:
    return OVERRIDDEN_SLA if overridden and case.with_overrides else SLA


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


def counts_of(own: list[SimulatedCall], missed: list[SimulatedCall]) -> dict[tuple[str, str], int]:
    """Return calls by direction and outcome, by a recount."""
    return {kind: recount.count(own, *kind) for kind in KINDS} | {("inbound", "missed"): len(missed)}


def period_calls(scrape: Scrape, kind: str, labels: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return calls by direction and outcome, as exposed for a user, team or number."""
    found = scrape.all(f"aircall_{kind}_period_calls", **labels)
    return {(dict(each)["direction"], dict(each)["outcome"]): value for each, value in found.items()}


def assert_group(
    scrape: Scrape,
    kind: str,
    labels: dict[str, Any],
    *,
    own: list[SimulatedCall],
    missed: list[SimulatedCall],
    by: recount.Definition,
    sla: float,
) -> None:
    """Assert that the figures of a team or number in a period equal the recount of its calls."""

    def value(name: str) -> float | None:
        return scrape.value(f"aircall_{kind}_{name}", **labels)

    assert period_calls(scrape, kind, labels) == counts_of(own, missed)
    for reason in scrape.labels(f"aircall_{kind}_period_missed_calls", "reason", **labels):
        exposed = scrape.value(f"aircall_{kind}_period_missed_calls", reason=reason, **labels)
        assert exposed == sum(call.missed_call_reason == reason for call in missed)
    assert scrape.sum(f"aircall_{kind}_period_missed_calls", **labels) == len(missed)
    answer = recount.average_answer(own)
    assert value("average_answer_seconds") == answer
    assert value("sla_breached") == (answer is not None and answer > sla)
    assert value("service_level_ratio") == recount.service_level(own, missed, by)
    results = {
        dict(each)["result"]: count
        for each, count in scrape.all(f"aircall_{kind}_service_calls", **labels).items()
    }
    assert results == recount.results(own, missed, by)
    found = value("missed_ratio"), value("abandoned_ratio"), value("average_abandon_seconds")
    assert found == recount.shares(own, missed, by)


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
