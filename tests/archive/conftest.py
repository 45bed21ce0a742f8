from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.archive.postgres import Postgres, postgres

_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/archive.sqlite"
    return request.getfixturevalue("postgres_server").database(f"test{next(_numbers)}")
