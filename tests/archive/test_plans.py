"""No search reads all calls: each has an index to go by, on either database."""

import re
from collections.abc import Iterator

import pytest

from bench.history import fill
from bench.queries import SEARCHES, criteria, plans
from exporter.archive.store import Archive
from tests.archive.postgres import Postgres

READS_ALL = r"Seq Scan on calls\b|\bSCAN calls\b"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/archive.sqlite"
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.database("plans")
    fill(url, calls=20_000)
    archive = Archive(url)
    yield archive
    archive.close()


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("days", [7, 30, 180])
def test_every_search_goes_by_an_index(archive: Archive, name: str, days: int) -> None:
    found = list(plans(archive, criteria(name, days)))
    assert len(found) == 2
    for plan in found:
        assert not re.search(READS_ALL, plan), plan


def test_a_scan_would_be_seen(archive: Archive) -> None:
    with archive.searching() as connection:
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.exec_driver_sql(f"{explain} SELECT * FROM calls WHERE asset = ''").all()
    assert re.search(READS_ALL, str(plan))
