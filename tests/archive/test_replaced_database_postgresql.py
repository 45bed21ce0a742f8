"""Test that a PostgreSQL database that is recreated, restored or unusable is noticed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres, tool
from harness.simulated_time import polled
from tests.support.archive_contents import tables
from tests.support.archive_counters import assert_counters_are_those_of_the_archive
from tests.support.lost_archives import RARELY, REPLACED, assert_nothing_is_lost, execute, is_logged


def recreate_database(server: Postgres, database: str) -> None:
    name = database.rsplit("/", 1)[1]
    server.execute(f'DROP DATABASE "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')


def recreate_schema(_: Postgres, database: str) -> None:
    execute(database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def empty_tables(_: Postgres, database: str) -> None:
    execute(database, "TRUNCATE " + ", ".join(schema.metadata.tables))


@pytest.mark.parametrize("exclusive", [False, True], ids=["without standby", "with standby"])
@pytest.mark.parametrize("lose", [recreate_database, recreate_schema])
def test_postgresql_database_recreated_while_running_is_begun_again(
    postgres_server: Postgres, busy: SimulatedAccount, lose: Callable[[Postgres, str], None], exclusive: bool
) -> None:
    database = postgres_server.database("recreated")
    with (
        capture_logs() as logged,
        polled(busy, archive=Archive(database, exclusive=exclusive), refresh=RARELY) as world,
    ):
        world.live_until_complete()
        world.live(600)
        lose(postgres_server, database)
        world.live(60)
        assert is_logged(logged, REPLACED)
        assert_counters_are_those_of_the_archive(world, database)


@pytest.mark.parametrize("exclusive", [False, True], ids=["without standby", "with standby"])
def test_postgresql_database_restored_while_running_loses_and_doubles_nothing(
    postgres_server: Postgres, busy: SimulatedAccount, exclusive: bool
) -> None:
    """The copy was made while this exporter ran, so it has the exporter's row, with a lower number."""
    database = postgres_server.database("restored")
    name = database.rsplit("/", 1)[1]
    with (
        capture_logs() as logged,
        polled(busy, archive=Archive(database, exclusive=exclusive), refresh=RARELY) as world,
    ):
        world.live_until_complete()
        world.live(300)
        postgres_server.copy(name, f"{name}copy")
        world.live(1500)
        admin = postgres_server.url("postgres")
        drop = f'DROP DATABASE "{name}" WITH (FORCE)'
        execute(admin, drop, f'ALTER DATABASE "{name}copy" RENAME TO "{name}"')
        world.live(60)
        assert is_logged(logged, REPLACED)
        assert_nothing_is_lost(world, database)


@pytest.mark.parametrize(
    ("disable", "repair"),
    [
        (
            "ALTER DATABASE {name} SET default_transaction_read_only = on",
            "ALTER DATABASE {name} RESET default_transaction_read_only",
        ),
        ("ALTER DATABASE {name} ALLOW_CONNECTIONS false", "ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
        ("ALTER DATABASE {name} RENAME TO {name}_", "ALTER DATABASE {name}_ RENAME TO {name}"),
    ],
)
@pytest.mark.parametrize("exclusive", [True], ids=["with standby"])
def test_postgresql_unusable_for_a_while_loses_nothing(
    postgres_server: Postgres, busy: SimulatedAccount, disable: str, repair: str, exclusive: bool
) -> None:
    database = postgres_server.database("unusable")
    name, admin = database.rsplit("/", 1)[1], postgres_server.url("postgres")
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with polled(busy, archive=Archive(database, exclusive=exclusive), refresh=RARELY) as world:
        world.live_until_complete()
        world.live(300)
        if "RENAME" in disable:
            execute(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", end, disable.format(name=name))
        else:
            execute(admin, disable.format(name=name), end)
        world.live(600)
        assert world.scrape().value("aircall_archive_up") == 0
        assert world.scrape().value("aircall_up") == 1
        execute(admin, repair.format(name=name))
        if "RENAME" in disable:
            execute(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        world.live(60)
        assert_nothing_is_lost(world, database)


def test_postgresql_dump_that_is_restored_has_all_tables(
    postgres_server: Postgres, busy: SimulatedAccount, tmp_path: Path
) -> None:
    """The options are those of docs/operating.md."""
    database, restored = postgres_server.database("dumped"), postgres_server.database("from_dump")
    with polled(busy, archive=Archive(database), refresh=RARELY) as world:
        world.live_until_complete()
        world.live(300)
        libpq = database.replace("+psycopg", "")
        dump = ["--format=custom", f"--file={tmp_path}/archive.dump", libpq]
        subprocess.run([tool("pg_dump"), *dump], check=True, timeout=60)
        saved = tables(database)
    into = ["--exit-on-error", f"--dbname={restored.replace('+psycopg', '')}", f"{tmp_path}/archive.dump"]
    subprocess.run([tool("pg_restore"), *into], check=True, timeout=60)
    assert tables(restored) == saved
    archive = Archive(restored)
    assert archive.load().totals
    archive.close()
