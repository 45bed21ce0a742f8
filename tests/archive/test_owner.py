"""A real account's calls and simulated ones are never mixed."""

import pytest

from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.demo.simulation import SimulatedAccount
from tests.archive.test_archive import rows
from tests.simulated_time import NOON, polled


def kept(archive: Archive) -> float:
    """Keep some calls of a busy account; gives how many were counted."""
    with polled(SimulatedAccount(users=6, calls_per_hour=300, start=NOON), archive=archive) as world:
        world.live_until_complete()
        return world.scrape().sum("aircall_calls_total")


def test_simulated_calls_make_way(database: str) -> None:
    first = kept(Archive(database, simulated=True))
    assert first > 0
    assert kept(Archive(database, simulated=True)) == first
    assert kept(Archive(database)) == first
    assert len([row for row in rows(database) if row.counted]) == first


def test_a_real_accounts_calls_stay(database: str) -> None:
    counted = kept(Archive(database))
    with pytest.raises(ArchiveError, match="holds a real account's calls, a simulated one needs its own"):
        Archive(database, simulated=True).load()
    assert len([row for row in rows(database) if row.counted]) == counted
