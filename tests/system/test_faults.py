"""The exporter under each fault of the table."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.faults.board_checks import PERIOD, POLL
from harness.faults.patience import given_up_after
from harness.faults.table import FAULT_CASES, FaultCase
from harness.simulated_time import NOON, polled
from tests.support.recovery import REQUESTS, fetch_all, until_polled_since

LASTING = 90
"""Seconds of a fault at least. It lasts until the end of a minute, when Aircall's limit is reset."""


@pytest.mark.parametrize("case", FAULT_CASES, ids=lambda case: f"{case.fault}, {case.detail}")
def test_exporter_any_fault_of_aircall_loses_no_call_and_shows_nothing_wrong(
    case: FaultCase, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=60, calls_per_hour=450, seed=7, start=NOON, history=0)
    with polled(account, served=case.served, archive=Archive(database), activity_period=PERIOD) as world:
        world.live_until_complete()
        world.live(180)
        before, begun = world.scrape(), world.time.now
        ending = begun + LASTING + (-begun - LASTING) % 60
        patience = (
            given_up_after(case.request_timeout, world, case.moment)
            if case.request_timeout
            else nullcontext()
        )
        with case.inject(world.aircall), patience:
            if case.refresh:
                world.poller.refresh()
            world.live(ending - begun)
            case.board.check(world, before, world.scrape(), ending - begun)
        assert until_polled_since(world, ending) - ending <= POLL + REQUESTS
        world.live(case.delay)
        fetch_all(world)
        scrape = world.scrape()
        assert counted(scrape) == to_be_counted(account)
        assert scrape.labels("aircall_user_info", "user_id") == set(map(str, account.users))
        engine = create_engine(database)
        with engine.connect() as connection:
            assert archived_calls(connection.execute(select(schema.calls))) == expected_calls(account)
        engine.dispose()
