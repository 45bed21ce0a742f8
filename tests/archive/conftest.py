from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.archive.kept import Kept
from tests.archive.postgres import Postgres, postgres

_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return a function that creates an empty database and returns its URL, for each kind of database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/archive{next(_numbers)}.sqlite"
    server: Postgres = request.getfixturevalue("postgres_server")
    return lambda: server.database("test")


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """Return the URL of an empty database, for each kind of database."""
    return new_database()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kept_archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return an archive of some busy hours, for each kind of database."""
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path_factory.mktemp('kept')}/archive.sqlite")
    server: Postgres = request.getfixturevalue("postgres_server")
    return Kept(server.database("kept"))
