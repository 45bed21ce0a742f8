"""Aircall misbehaves, in every way of the table, and nothing is lost."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.polling.schedule import CORE
from exporter.simulator.simulation import SimulatedAccount
from tests.faults.boards import PERIOD, POLL
from tests.faults.patience import given_up_after
from tests.faults.table import TROUBLES, Trouble
from tests.ledger import counted, kept, open_calls, plan, to_be_counted
from tests.simulated_time import NOON, Polled, polled

LASTING = 90
"""Seconds of misbehaviour, at least: up to the end of a minute, when Aircall's limit begins again."""

REQUESTS = 2.5
"""Seconds that a recovery's own requests may take, at the pace that the budget allows."""


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: f"{trouble.fault}, {trouble.done}")
def test_nothing_is_lost_and_the_board_is_never_wrong(trouble: Trouble, tmp_path: Path) -> None:
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


def until_read(world: Polled, since: float) -> float:
    """When calls and availabilities have both been read whole from `since` on."""

    def read_again() -> bool:
        status = world.poller.status()
        read = all((status.datasets[name].as_of or 0) >= since for name in CORE)
        return read and status.is_up(world.time.now)

    while not read_again():
        assert world.time.now < since + 600
        world.step(world.time.now + 60)
    return world.time.now


def read_whole(world: Polled) -> None:
    """Let the account stand still until everything is read and saved."""
    world.freeze()
    until = world.time.now + 1200
    history, book, now = world.poller.account.coverage, world.poller.account.calls, world.account.now

    def nothing_is_left() -> bool:
        is_read = history.fetched[-1][1] >= int(now) - LATE_ARRIVAL_S and not history.gaps
        return is_read and book.active.keys() == open_calls(world.account)

    while not nothing_is_left():
        assert world.time.now < until, (history, book.active.keys() ^ open_calls(world.account))
        world.step(until)
    world.poll()
