"""Tests of the plan of a company: its bounds, and that the exporter polls as planned."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.config.settings import Aircall, Refresh, Settings
from exporter.durations import Duration
from exporter.polling import estimate
from exporter.polling.company import Company
from exporter.polling.plan import plan
from exporter.polling.plan_advice import advice
from exporter.polling.schedule import CORE, DIRECTORY, LIVE, MAX_INTERVAL_S, SYNC_TOLERANCE
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import LATENCY, NOON, polled

SECONDS = 600
"""Seconds for which an exporter is compared with its plan."""

EVERY_TEN_SECONDS = Refresh(calls=Duration(10), availabilities=Duration(10))

companies = st.builds(
    Company,
    users=st.integers(1, 3000),
    teams=st.integers(1, 200),
    numbers=st.integers(1, 200),
    calls_per_hour=st.floats(0, 20_000),
)


@given(companies, st.integers(20, 600), st.booleans())
def test_plan_any_company_keeps_the_budget_and_the_targets(
    company: Company, limit: int, mapped: bool
) -> None:
    planned = plan(company, Settings(map_users_to_numbers=mapped), limit)
    assert planned.budget <= 0.8 * limit
    if max(reading.interval for reading in planned.readings.values()) < MAX_INTERVAL_S:
        assert planned.requests <= planned.budget * (1 + 1e-6)
    assert all(reading.interval >= reading.target for reading in planned.readings.values())
    assert all(0 < reading.mean_age < reading.worst_age for reading in planned.readings.values())
    assert ("assignments" in planned.first_read) == mapped


@given(companies, st.integers(10, 300), st.integers(1, 300))
def test_plan_with_more_requests_has_no_longer_intervals(company: Company, limit: int, more: int) -> None:
    less, enough = (plan(company, Settings(), requests) for requests in (limit, limit + more))
    for name in LIVE:
        assert enough.readings[name].interval <= less.readings[name].interval * SYNC_TOLERANCE * 1.01
    assert enough.late_edits >= less.late_edits * 0.99 or less.late_edits == less.late_edits_required


@given(companies, st.integers(20, 300))
def test_plan_with_stretched_intervals_uses_all_of_the_budget(company: Company, limit: int) -> None:
    planned = plan(company, Settings(), limit)
    assume(any(planned.readings[name].interval > 1.1 * planned.readings[name].target for name in CORE))
    assert planned.requests >= 0.9 * 0.8 * int(limit)


@given(companies, st.integers(20, 150))
def test_advice_to_raise_the_limit_followed_reaches_the_targets(company: Company, limit: int) -> None:
    settings = Settings()
    advised = [text for text in advice(plan(company, settings, limit), settings) if text.startswith("ask")]
    assume(advised and "refresh" in advised[0])
    needed = float(advised[0].split()[3])
    planned = plan(company, settings, needed)
    assert needed > limit
    assert all(planned.readings[name].interval <= 1.06 * planned.readings[name].target for name in CORE)


def test_advice_budget_is_short_names_changes_and_otherwise_nothing() -> None:
    small, large = Company(20, 4, 6, 150), Company(10_000, 800, 700, 20_000)
    assert list(advice(plan(small, Settings(), 60), Settings())) == []
    lines = "\n".join(advice(plan(large, Settings(), 60), Settings()))
    for change in ("refresh.availabilities", "ask Aircall for", "map_users_to_numbers"):
        assert change in lines
    shared = Settings(aircall=Aircall(budget_share=0.2))
    assert "budget_share" in "\n".join(advice(plan(Company(100, 9, 7, 750), shared, 60), shared))


def test_plan_first_board_costs_about_the_requests_of_its_pages() -> None:
    settings = Settings(activity_period=Duration(900))
    planned = plan(Company(1000, 50, 50, 4000), settings, 60)
    pages = 20 + 20 + 20 + 1 + 1
    assert pages - 4 <= planned.first_board * planned.budget / 60 <= 1.5 * pages
    assert planned.first_read["assignments"] > planned.first_board


@pytest.mark.parametrize(
    ("users", "calls_per_hour", "limit", "refresh"),
    [
        (50, 375, 60, Refresh()),
        (300, 1500, 60, EVERY_TEN_SECONDS),
        (300, 1500, 240, EVERY_TEN_SECONDS),
        (500, 3000, 60, Refresh(calls=Duration(5), availabilities=Duration(20))),
        (40, 200, 20, EVERY_TEN_SECONDS),
    ],
)
def test_exporter_of_a_planned_company_polls_as_planned(
    users: int, calls_per_hour: int, limit: int, refresh: Refresh
) -> None:
    account = SimulatedAccount(users, calls_per_hour, seed=5, start=NOON, history=3600)
    with polled(account, served={"rate_limit": limit}, refresh=refresh) as world:
        known_after = world.live_until_complete(within=1800)
        world.live(120)
        begin, sent_before = world.time.now, len(world.aircall.requests)
        ages: dict[str, list[float]] = {name: [] for name in CORE}
        for second in range(SECONDS):
            world.live(begin + second + 1 - world.time.now)
            for name, ages_of in ages.items():
                as_of = world.poller.status().datasets[name].as_of
                assert as_of is not None
                ages_of.append(world.time.now - as_of)
        requests = (len(world.aircall.requests) - sent_before) / (SECONDS / 60)
        calls = len(account.calls.started_between(int(begin), int(world.time.now)))
        company = replace(estimate.size(world.poller.account), calls_per_hour=3600 / SECONDS * calls)
        planned = plan(company, world.settings, limit, LATENCY)
        assert {request.status for request in world.aircall.requests} == {200}
    for name, ages_of in ages.items():
        reading = planned.readings[name]
        assert sum(ages_of) / len(ages_of) == pytest.approx(reading.mean_age, rel=0.15, abs=1)
        assert sorted(ages_of)[len(ages_of) * 95 // 100] <= 1.25 * reading.age(0.95)
    assert requests == pytest.approx(planned.requests, rel=0.15)
    first_board = max(known_after[name] for name in (*CORE, *DIRECTORY))
    # A start happens once and depends on the calls of that moment; docs/polling.md states these limits.
    assert first_board == pytest.approx(planned.first_board, rel=0.25, abs=1)
    assert known_after["assignments"] == pytest.approx(planned.first_read["assignments"], rel=0.5, abs=1)
