"""Test that a running exporter recovers when tables of the archive are lost."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted
from harness.simulated_time import Polled, polled
from tests.support.archive_contents import rows
from tests.support.lost_archives import (
    RARELY,
    REPLACED,
    assert_nothing_is_lost,
    back_up,
    is_logged,
    restore_by_rename,
)
from tests.support.lost_tables import Lose, delete, drop


def live_while_counters_never_fall(world: Polled, seconds: float) -> None:
    before = counted(world.scrape())
    for _ in range(10):
        world.live(seconds / 10)
        now = counted(world.scrape())
        assert all(now[family] >= counts for family, counts in before.items())
        before = now


@pytest.mark.parametrize(
    ("lost", "lose"), [(("names",), delete), (("names", "call_tags", "call_comments"), drop)]
)
def test_running_exporter_recovers_lost_details_and_loses_no_call(
    busy: SimulatedAccount, database: str, lost: tuple[str, ...], lose: Lose
) -> None:
    with capture_logs() as logged, polled(busy, archive=Archive(database), refresh=RARELY) as world:
        world.live_until_complete()
        world.live(1200)
        before = {table: {tuple(row) for row in rows(database, table)} for table in lost}
        assert before.get("call_tags") != set()
        lose(database, lost)
        live_while_counters_never_fall(world, 60)
        assert is_logged(logged, REPLACED)
        assert_nothing_is_lost(world, database)
        for table, found in before.items():
            assert {tuple(row) for row in rows(database, table)} >= found


@pytest.mark.parametrize("lost", [("totals",), ("calls", "state")])
def test_running_exporter_with_lost_tables_keeps_its_counters_until_a_backup_is_restored(
    busy: SimulatedAccount, tmp_path: Path, lost: tuple[str, ...]
) -> None:
    file = tmp_path / "archive.sqlite"
    database = f"sqlite:///{file}"
    with capture_logs() as logged, polled(busy, archive=Archive(database), refresh=RARELY) as world:
        world.live_until_complete()
        world.live(300)
        back_up(file)
        world.live(600)
        delete(database, lost)
        live_while_counters_never_fall(world, 120)
        assert world.scrape().value("aircall_up") == 1
        assert world.scrape().value("aircall_archive_up") == 0
        assert len([line for line in logged if "the archive is partly lost" in str(line)]) == 1
        restore_by_rename(file)
        world.live(60)
        assert_nothing_is_lost(world, database)
