"""Test that each search uses an index, on each database."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.archive.reader import ANY_HASH
from exporter.archive.store import Archive
from harness.archived_calls import fill
from harness.postgres import Postgres
from harness.searches import READS_ALL, SEARCHES, criteria, plans


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
def test_search_with_each_criterion_uses_an_index(archive: Archive, name: str, days: int) -> None:
    found = list(plans(archive, criteria(name, days)))
    assert len(found) == 2
    for plan in found:
        assert not re.search(READS_ALL, plan), plan


@pytest.mark.parametrize("days", [7, 30, 180])
def test_search_by_a_caller_hash_uses_an_index(archive: Archive, days: int) -> None:
    hashed = replace(criteria("caller, whole", days), caller_hashes=("0" * 64,))
    found = list(plans(archive, hashed))
    assert len(found) == 2
    for plan in found:
        assert not re.search(READS_ALL, plan), plan
    assert not re.search(
        READS_ALL, query_plan(archive, str(ANY_HASH.compile(compile_kwargs={"literal_binds": True})))
    )


def query_plan(archive: Archive, statement: str) -> str:
    """Return the plan of the database for a statement."""
    with archive.searching() as connection:
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        return str(connection.exec_driver_sql(f"{explain} {statement}").all())


def test_reads_all_matches_the_plan_of_a_query_without_an_index(archive: Archive) -> None:
    assert re.search(READS_ALL, query_plan(archive, "SELECT * FROM calls WHERE asset = ''"))
