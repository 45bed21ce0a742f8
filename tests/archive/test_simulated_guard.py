"""Test that the calls of a real account and of a simulated one are never mixed."""

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows


def archive_calls(archive: Archive) -> float:
    """Archive some calls of a busy account. Returns the number of counted calls."""
    with polled(SimulatedAccount(users=6, calls_per_hour=300, start=NOON), archive=archive) as world:
        world.live_until_complete()
        return world.scrape().sum("aircall_calls_total")


def test_archive_of_simulated_calls_is_emptied_for_a_real_account(database: str) -> None:
    first = archive_calls(Archive(database, simulated=True))
    assert first > 0
    assert archive_calls(Archive(database, simulated=True)) == first
    assert archive_calls(Archive(database)) == first
    assert len([row for row in rows(database) if row.counted]) == first


def test_archive_of_a_real_account_rejects_a_simulated_one(database: str) -> None:
    counted = archive_calls(Archive(database))
    with pytest.raises(ArchiveError, match="holds a real account's calls; a simulated one needs its own"):
        Archive(database, simulated=True).load()
    assert len([row for row in rows(database) if row.counted]) == counted


def test_archive_taken_from_a_simulation_receives_no_more_of_its_calls(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=300, start=NOON)
    with polled(account, archive=Archive(database, simulated=True)) as simulation:
        simulation.live_until_complete()
        Archive(database).load()
        simulation.live(120)
        assert simulation.scrape().value("aircall_archive_up") == 0
    assert not rows(database)


def test_heartbeat_of_two_exporters_on_one_archive_logs_errors(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    with capture_logs() as logged, polled(account, archive=Archive(database)) as first:
        first.live(60)
        with polled(account, archive=Archive(database)) as second:
            second.live(60)
        assert not logged_errors(logged)
        with polled(account, archive=Archive(database)) as third:
            for _ in range(10):
                first.live(7)
                third.time.now = first.time.now
                third.live(7)
                first.time.now = third.time.now
    assert (
        logged_errors(logged)
        == ["another exporter runs on this archive; each account needs its own archive"] * 2
    )


def test_heartbeat_of_an_earlier_run_whose_clock_was_ahead_is_not_another_exporter(database: str) -> None:
    earlier, later = Archive(database), Archive(database)
    earlier.load()
    earlier.heartbeat(NOON + 86_400)
    later.load()
    assert not later.heartbeat(NOON)
    assert not later.heartbeat(NOON + 15)
    earlier.heartbeat(NOON + 86_415)
    assert later.heartbeat(NOON + 30)
    earlier.close()
    later.close()


def logged_errors(logged: list[EventDict]) -> list[str]:
    return [str(line["event"]) for line in logged if line["log_level"] == "error"]
