"""The decision of the first start which calls are counted, while a clock is wrong at a later start."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from exporter.account.records import Counting
from exporter.archive import metadata_table
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import calls_total, live, missed_call

HOUR, DAY = 3600.0, 86_400.0
BEHIND = 20 * HOUR

WRONG = {
    "date behind": {"date_error": -BEHIND},
    "date far behind": {"date_error": -40 * DAY},
    "date ahead": {"date_error": BEHIND},
    "machine behind": {"clock_skew": BEHIND},
    "machine ahead": {"clock_skew": -BEHIND},
    "both behind": {"clock_skew": BEHIND, "date_error": -BEHIND},
    "both behind, differently": {"clock_skew": BEHIND, "date_error": -BEHIND - HOUR},
}


@pytest.fixture
def account() -> SimulatedAccount:
    """Return a quiet company whose last calls were made 20 hours before the first start."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON, history=10 * DAY)
    for position in range(30):
        missed_call(account, NOON - BEHIND - 600 + 15 * position)
    return account


def decision(database: str) -> Counting | None:
    engine = create_engine(database)
    with engine.connect() as connection:
        decided = metadata_table.counting(connection)
    engine.dispose()
    return decided


def live_and_call(world: Polled, account: SimulatedAccount) -> float:
    """Let a caller be missed while the exporter runs. Returns how many calls are counted."""
    world.live(60)
    missed_call(account, account.now)
    world.live(60)
    return calls_total(world)


@pytest.mark.parametrize("wrong", WRONG)
def test_decision_a_clock_is_wrong_at_a_restart_stays(
    wrong: str, account: SimulatedAccount, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    assert live(database, account, 60) == 0
    decided = decision(database)
    assert decided is not None
    with polled(account, archive=Archive(database), served=WRONG[wrong]) as world:
        assert live_and_call(world, account) == 1
        world.aircall.date_error = 0
        world.time.wall_error = WRONG[wrong].get("clock_skew", 0)  # both are right again
        world.live(120)
        assert calls_total(world) == 1
    assert decision(database) == decided
    with polled(account, archive=Archive(database)) as world:
        assert live_and_call(world, account) == 2
    assert decision(database) == decided


def test_decision_date_is_wrong_while_running_and_after_a_kill_stays(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(database)) as world:
        world.live(60)
        world.aircall.date_error = -BEHIND
        world.live(60)
        assert calls_total(world) == 0
    decided = decision(database)
    with polled(account, archive=Archive(database), served={"date_error": -BEHIND}) as world:
        assert live_and_call(world, account) == 1
    assert decision(database) == decided


def test_decision_for_the_future_is_replaced_once_both_clocks_agree_and_counts_from_then(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    """A machine whose clock is a day ahead decides so if Aircall sends no `Date`."""
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    live(database, account, 60)
    engine = create_engine(database)
    with engine.begin() as connection:
        metadata_table.write(connection, metadata_table.COUNTING, Counting(NOON + DAY, NOON + DAY + 900))
    engine.dispose()
    with polled(account, archive=Archive(database), served={"date_error": -HOUR}) as world:
        assert live_and_call(world, account) == 0
        world.aircall.date_error = 0
        world.live(60)
        assert calls_total(world) == 1  # it began within the activity period before the new decision
        assert live_and_call(world, account) == 2
    assert decision(database) != Counting(NOON + DAY, NOON + DAY + 900)


@given(
    starts=st.tuples(st.floats(-DAY, DAY), st.floats(-DAY, DAY)),
    certain=st.tuples(st.booleans(), st.booleans()),
)
def test_counting_of_the_future_is_replaced_only_if_uncertain_then_and_certain_now(
    starts: tuple[float, float], certain: tuple[bool, bool]
) -> None:
    then, now = (Counting(start, start + 900, sure) for start, sure in zip(starts, certain, strict=True))
    of_the_future = then.started_from > starts[1] + 900
    assert then.is_replaced_by(now) == (certain == (False, True) and of_the_future)
