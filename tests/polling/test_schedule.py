"""Tests of the schedule: intervals within the budget, and the turns of tasks."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.config.settings import Refresh, Settings, Webhook
from exporter.durations import Duration
from exporter.polling import costs
from exporter.polling.costs import Cost
from exporter.polling.schedule import (
    CORE,
    DATASETS,
    ENDED_CALLS,
    EVENT_TIMEOUT_S,
    LIVE,
    MAX_INTERVAL_S,
    MAX_LIVE_INTERVAL_S,
    SHARE_AT_START,
    SHARE_FOR_REST,
    SHARE_FOR_SUBSTATUSES,
    SUBSTATUSES,
    SYNC_TOLERANCE,
    event_covered,
    intervals,
    min_rate,
    rate,
    share_for_rest,
    spare_share,
    targets,
)
from exporter.polling.turns import Turns

TARGETS = {
    "calls": 10,
    "availabilities": 10,
    ENDED_CALLS: 10,
    "users": 14400,
    "teams": 28800,
    "numbers": 28800,
    SUBSTATUSES: 60,
    "assignments": 28800,
}


def costs_of(calls_per_second: float = 0.0, **lists: float) -> dict[str, Cost]:
    """Return the costs of an account with these calls per second and requests for each list."""
    found = {name: costs.constant(lists.get(name, 1)) for name in DATASETS}
    return found | {"calls": costs.calls(calls_per_second), ENDED_CALLS: costs.ended_calls(calls_per_second)}


def requests(
    cost: dict[str, Cost], planned: dict[str, float], names: tuple[str, ...] = (*LIVE, *DATASETS)
) -> float:
    return sum(rate(cost[name], planned[name]) for name in set(names))


def test_intervals_small_company_are_the_targets() -> None:
    assert intervals(costs_of(0.05), TARGETS, 44) == TARGETS


def test_intervals_live_data_exceed_the_budget_are_shortest_for_calls() -> None:
    cost = costs_of(0.8, availabilities=10)
    planned = intervals(cost, TARGETS, 44)
    assert planned["calls"] == 10
    assert planned["calls"] < planned["availabilities"] < planned[ENDED_CALLS]
    assert requests(cost, planned) == pytest.approx(44, rel=0.01)


def test_intervals_one_dataset_needs_little_leave_the_rest_to_others() -> None:
    planned = intervals(costs_of(0.0, availabilities=200), TARGETS, 48)
    assert planned["calls"] == 10
    assert planned["availabilities"] == pytest.approx(200 * 60 / (48 - 6 - 1), rel=0.01)


def test_intervals_budget_is_short_keep_up_with_new_calls_first() -> None:
    cost = costs_of(10, availabilities=200)
    planned = intervals(cost, TARGETS, 47, archive=120)
    new_calls = 60 * 10 / 50
    assert rate(cost["calls"], planned["calls"]) > new_calls
    assert planned["calls"] < planned["availabilities"]


sizes = st.fixed_dictionaries(
    {"calls_per_second": st.floats(0, 5)} | {name: st.floats(0, 500) for name in DATASETS if name != "calls"}
)


@given(sizes, st.floats(20, 500), st.sampled_from([0.0, 5.0, 1000.0]), st.sampled_from([0.2, 0.5]))
def test_intervals_any_costs_keep_the_budget(
    size: dict[str, float], budget: float, archive: float, share: float
) -> None:
    cost = costs_of(**size)
    planned = intervals(cost, TARGETS, budget, archive, share)
    assert all(planned[name] >= TARGETS[name] for name in TARGETS)
    if max(planned.values()) < MAX_INTERVAL_S:  # longer intervals would be required
        assert requests(cost, planned) <= budget * (1 + 1e-6)
    least = sum(min_rate(cost[name]) for name in LIVE)
    rest = min(share * (budget - least), archive)
    assert requests(cost, planned, LIVE) <= (budget - rest) * (1 + 1e-3)


def test_intervals_budget_below_new_calls_are_bounded() -> None:
    planned = intervals(costs_of(100, availabilities=200), TARGETS, 47, archive=1000)
    assert max(planned[name] for name in LIVE) <= MAX_LIVE_INTERVAL_S


@given(sizes, st.floats(20, 500), st.floats(1, 3), st.sampled_from([0.0, 5.0, 1000.0]))
def test_intervals_with_more_budget_are_not_longer(
    size: dict[str, float], budget: float, more: float, archive: float
) -> None:
    cost = costs_of(**size)
    less_often = intervals(cost, TARGETS, budget, archive)
    more_often = intervals(cost, TARGETS, budget * more, archive)
    assert all(more_often[name] <= less_often[name] * SYNC_TOLERANCE * 1.01 for name in TARGETS)


@given(sizes, st.floats(20, 500))
def test_intervals_stretched_use_all_of_the_budget(size: dict[str, float], budget: float) -> None:
    cost = costs_of(**size)
    planned = intervals(cost, TARGETS, budget, archive=1000)
    assume(any(planned[name] > TARGETS[name] * 1.01 for name in LIVE))
    assert requests(cost, planned, LIVE) >= 0.98 * (1 - SHARE_FOR_REST) * budget


@given(sizes, st.floats(20, 500), st.sampled_from([0.0, 5.0, 1000.0]))
def test_intervals_with_substatuses_reserve_a_share_and_delay_no_other(
    size: dict[str, float], budget: float, archive: float
) -> None:
    cost = costs_of(**size)
    planned = intervals(cost, TARGETS, budget, archive)
    expected, not_live = rate(cost[SUBSTATUSES], TARGETS[SUBSTATUSES]), spare_share(cost, budget) * budget
    sure = min(expected, SHARE_FOR_SUBSTATUSES * not_live)
    if max(planned[name] for name in planned if name != SUBSTATUSES) < MAX_INTERVAL_S:
        assert rate(cost[SUBSTATUSES], planned[SUBSTATUSES]) >= 0.99 * sure - 1e-6
    without = {name: each for name, each in cost.items() if name != SUBSTATUSES}
    others = without.keys() - set(LIVE)
    for names, share in ((set(LIVE), SHARE_FOR_REST), (others, SHARE_FOR_REST - SHARE_FOR_SUBSTATUSES)):
        alone = intervals(without, TARGETS, budget - SHARE_FOR_SUBSTATUSES * not_live, archive, share)
        assert all(planned[name] <= alone[name] * SYNC_TOLERANCE * 1.01 for name in names)


def test_targets_while_events_arrive_are_longer_for_what_they_cover() -> None:
    settings = Settings(
        refresh=Refresh(calls=Duration(10), availabilities=Duration(90)),
        webhook=Webhook(refresh=Duration(60)),
    )
    assert targets(settings) == targets(settings, event_covered(1000, -1e9, -1e9, in_doubt=False))
    of_calls = targets(settings, event_covered(1000, 1000 - EVENT_TIMEOUT_S, -1e9, in_doubt=False))
    assert (of_calls["calls"], of_calls[ENDED_CALLS], of_calls["availabilities"]) == (60, 60, 90)
    assert event_covered(1000, 999 - EVENT_TIMEOUT_S, 1000, in_doubt=False) == {"availabilities"}
    assert event_covered(1000, 1000, 1000, in_doubt=True) == {"calls", ENDED_CALLS}


def test_share_for_rest_names_are_missing_is_larger() -> None:
    live = set(CORE)
    assert share_for_rest(live | {"users", "teams"}) == SHARE_AT_START
    assert share_for_rest(DATASETS) == SHARE_FOR_REST < SHARE_AT_START


def test_share_for_rest_live_data_are_missing_is_smaller() -> None:
    assert share_for_rest({"calls", "users"}) < SHARE_AT_START


def take_turns(names: list[str], share: float, requests: int) -> dict[str, int]:
    """Return how many of `requests` each task gets if all of them are always due."""
    turns, served = Turns(), dict.fromkeys(names, 0)
    for _ in range(requests):
        name = turns.next(names, share)
        assert name is not None
        served[name] += 1
    return served


def test_turns_all_tasks_are_due_serve_the_first_most_and_each_other() -> None:
    served = take_turns(["calls", "availabilities", ENDED_CALLS, "users", "teams"], 0.2, 1000)
    assert served["calls"] == pytest.approx(600, abs=2)
    assert served["availabilities"] == pytest.approx(150, abs=2)
    assert served[ENDED_CALLS] == pytest.approx(50, abs=2)
    assert served["users"] + served["teams"] == pytest.approx(200, abs=2)
    assert 0 < served["teams"] <= 4


def test_turns_no_live_task_is_due_serve_the_others() -> None:
    assert take_turns(["users", "teams"], 0.1, 10) == {"users": 10, "teams": 0}
    assert Turns().next([], 0.1) is None
