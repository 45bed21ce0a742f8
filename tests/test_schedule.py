import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule import DATASETS, LIVE, SHARE_AT_START, Turns, background_share, intervals

TARGETS = {
    "calls": 10,
    "availabilities": 10,
    "users": 14400,
    "teams": 28800,
    "numbers": 28800,
    "assignments": 28800,
}


def costs(**given: float) -> dict[str, float]:
    return dict.fromkeys(DATASETS, 1.0) | given


def test_a_small_company_gets_what_it_asks_for() -> None:
    assert intervals(costs(), TARGETS, 44) == TARGETS


def test_live_datasets_share_what_there_is_evenly() -> None:
    stretched = intervals(costs(calls=20, availabilities=40), TARGETS, 48)
    assert stretched["calls"] == pytest.approx(50, rel=0.01)
    assert stretched["availabilities"] == pytest.approx(100, rel=0.01)


def test_what_one_does_not_need_the_other_has() -> None:
    stretched = intervals(costs(calls=1, availabilities=200), TARGETS, 48)
    assert stretched["calls"] == 10
    assert stretched["availabilities"] == pytest.approx(200 * 60 / (48 - 6), rel=0.01)


@given(
    st.fixed_dictionaries({name: st.floats(0, 500) for name in DATASETS}),
    st.floats(1, 500),
    st.sampled_from([0.0, 0.1, 0.5]),
)
def test_no_plan_spends_more_than_the_budget(cost: dict[str, float], budget: float, share: float) -> None:
    planned = intervals(cost, TARGETS, budget, share)
    assert sum(60 * cost[name] / planned[name] for name in DATASETS) <= budget * (1 + 1e-9)
    assert all(planned[name] >= TARGETS[name] for name in DATASETS)
    live = sum(60 * cost[name] / planned[name] for name in LIVE)
    assert live <= budget * (1 - share) * (1 + 1e-9) or live == 0


def test_names_come_before_speed_at_the_start() -> None:
    live = set(LIVE)
    assert background_share(live | {"users", "teams"}, backlog=True) == SHARE_AT_START
    assert 0 < background_share(set(DATASETS), backlog=True) < SHARE_AT_START
    assert background_share(set(DATASETS), backlog=False) == 0


def test_live_data_come_before_names() -> None:
    assert 0 < background_share({"calls", "users"}, backlog=True) < SHARE_AT_START


def take_turns(names: list[str], share: float, requests: int) -> dict[str, int]:
    """How many of so many requests each gets, when all of them are due all the time."""
    turns, last, served = Turns(), dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for moment in range(1, requests + 1):
        name = turns.next(last, share)
        last[name] = moment
        served[name] += 1
    return served


def test_live_datasets_take_turns_and_the_rest_gets_its_share() -> None:
    served = take_turns(["calls", "availabilities", "users", "teams"], 0.1, 1000)
    assert served["calls"] == pytest.approx(450, abs=2)
    assert served["availabilities"] == pytest.approx(450, abs=2)
    assert served["users"] == pytest.approx(100, abs=2)
    assert served["teams"] == 0


def test_the_rest_has_everything_where_nothing_live_is_due() -> None:
    assert take_turns(["users", "teams"], 0.1, 10) == {"users": 10, "teams": 0}
    assert Turns().next({}, 0.1) is None
