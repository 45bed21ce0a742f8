"""The exporter under each fault of the table."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, kept, plan, to_be_counted
from harness.faults.board_checks import PERIOD, POLL
from harness.faults.patience import given_up_after
from harness.faults.table import TROUBLES, Trouble
from harness.simulated_time import NOON, polled
from tests.support.recovery import REQUESTS, read_whole, until_read

LASTING = 90
"""Seconds of a fault at least. It lasts until the end of a minute, when Aircall's limit is reset."""


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: f"{trouble.fault}, {trouble.done}")
def test_exporter_any_fault_of_aircall_loses_no_call_and_shows_nothing_wrong(
    trouble: Trouble, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    account = SimulatedAccount(users=60, calls_per_hour=450, seed=7, start=NOON, history=0)
    with polled(account, served=trouble.served, archive=Archive(database), activity_period=PERIOD) as world:
        world.live_until_complete()
        world.live(180)
        before, begun = world.scrape(), world.time.now
        ending = begun + LASTING + (-begun - LASTING) % 60
        patience = (
            given_up_after(trouble.given_up, world, trouble.moment) if trouble.given_up else nullcontext()
        )
        with trouble.happening(world.aircall), patience:
            if trouble.refreshed:
                world.poller.refresh()
            world.live(ending - begun)
            trouble.board.check(world, before, world.scrape(), ending - begun)
        assert until_read(world, ending) - ending <= POLL + REQUESTS
        world.live(trouble.settled)
        read_whole(world)
        scrape = world.scrape()
        assert counted(scrape) == to_be_counted(account)
        assert scrape.labels("aircall_user_info", "user_id") == set(map(str, account.users))
        engine = create_engine(database)
        with engine.connect() as connection:
            assert kept(connection.execute(select(schema.calls))) == plan(account)
        engine.dispose()
