"""Fixtures of the archive's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from harness.simulated_time import NOON
from tests.support.call_back_saving import Saving
from tests.support.tcp_proxy import Proxy, proxy


@pytest.fixture
def archive(database: str) -> Iterator[Archive]:
    """Return a loaded archive."""
    archive = Archive(database)
    archive.load()
    yield archive
    archive.close()


@pytest.fixture
def busy() -> SimulatedAccount:
    """Return an account whose first call begins after the exporter's start, so that every call counts."""
    return SimulatedAccount(users=8, calls_per_hour=120, seed=4, start=NOON, history=0)


@pytest.fixture
def tcp_proxy(postgres_server: Postgres) -> Iterator[Proxy]:
    with proxy(postgres_server.address) as tcp_proxy:
        yield tcp_proxy


@pytest.fixture
def saving(database: str, tmp_path: Path) -> Saving:
    return Saving(database, tmp_path)
