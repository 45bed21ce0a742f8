"""Companies whose KPIs are compared with a recount, and what is expected of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from exporter.config.settings import (
    Override,
    Overrides,
    Refresh,
    ServiceLevel,
    ServiceLevelOverride,
    Today,
)
from exporter.durations import Duration
from exporter.simulator.models import SimulatedCall, SimulatedNumber, SimulatedTeam
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness import recount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled
from tests.support.webhook_world import polled_with_events

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
    smartflows: bool = True
    """Whether Aircall reports what callers choose in menus."""


EVENTS = partial(polled_with_events, network=POORLY)


def run(case: Case) -> AbstractContextManager[Polled]:
    """Return a context in which the company is polled."""
    account = SimulatedAccount(
        users=case.users,
        calls_per_hour=case.calls_per_hour,
        seed=case.seed,
        start=NOON,
        history=2 * 3600,
        smartflows=case.smartflows,
        ai_agent=case.smartflows,
    )
    overrides = Overrides({number_of(account).name: OVERRIDE}, {team_of(account).id: OVERRIDE})
    settings: dict[str, Any] = {
        "sla": SLA,
        "service_level": DEFINITIONS[case.definition],
        "today": Today("21:30", "Europe/Paris"),
        "overrides": overrides if case.with_overrides else Overrides(),
        "refresh": Refresh(calls=Duration(30), availabilities=Duration(60)),
    }
    return case.run(account, **settings)


def number_of(account: SimulatedAccount) -> SimulatedNumber:
    """Return the number with rules of its own."""
    return next(iter(account.numbers.values()))


def team_of(account: SimulatedAccount) -> SimulatedTeam:
    """Return the team with rules of its own."""
    return next(iter(account.teams.values()))


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


def counts_of(own: list[SimulatedCall], missed: list[SimulatedCall]) -> dict[tuple[str, str], int]:
    """Return calls by direction and outcome, by a recount."""
    found = {kind: recount.count(own, *kind) for kind in KINDS} | {("inbound", "missed"): len(missed)}
    by_ai_agents = sum(map(recount.by_ai_agent, own))
    return found | ({("inbound", "ai_agent"): by_ai_agents} if by_ai_agents else {})


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
