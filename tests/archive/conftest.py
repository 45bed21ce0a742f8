"""Fixtures of the archive's tests."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from harness.simulated_time import NOON
from tests.support.call_back_saving import Saving
from tests.support.tcp_proxy import Proxy, proxy


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Return a function that creates an empty database for tests of a file, for each kind of database."""
    if request.param == "sqlite":
        directory, numbers = tmp_path_factory.mktemp("shared"), count()
        return lambda: f"sqlite:///{directory}/archive{next(numbers)}.sqlite"
    server: Postgres = request.getfixturevalue("postgres_server")
    return lambda: server.database("shared")


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
