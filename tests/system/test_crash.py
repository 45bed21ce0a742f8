"""The exporter as a process on a database, while either of them is killed or stopped at any moment."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

from sqlalchemy import Connection, create_engine, inspect, select, text
from sqlalchemy.exc import OperationalError

from exporter.archive import metadata_table, schema
from exporter.simulator.faults import Fault, Hang
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.postgres import Postgres
from harness.scrape import Scrape
from tests.support.request_driven_company import HOUR, Company
from tests.support.running import eventually

KILLS = 50
REQUESTS_OF_A_START = 24


@dataclass(frozen=True)
class Moment:
    """When an exporter is killed.

    It is killed at one of its requests, counted from its start or from its first checkpoint, or in the first
    transaction after that request.
    """

    request: int
    once_saved: bool
    in_transaction: bool


def random_moment(random: Random) -> Moment:
    once_saved = random.random() < 0.5
    request = random.randint(1, 3 if once_saved else REQUESTS_OF_A_START)
    return Moment(request, once_saved, in_transaction=random.random() < 0.5)


def test_exporter_killed_50_times_in_a_busy_hour_counts_each_call_once(database: str, tmp_path: Path) -> None:
    """The activity period is short, so that no start fetches again the calls that an earlier one has lost."""
    company, random = Company(database, tmp_path, seconds_per_request=1.5), Random("any moment")
    moments = [Moment(1, once_saved=True, in_transaction=False)]
    moments += [random_moment(random) for _ in range(KILLS - 1)]
    with company.aircall, watching(database) as connection:
        for death, moment in enumerate(moments, 1):
            kill(company, moment, connection)
            assert_archive_is_consistent(company)
            company.jump_to(company.start + HOUR * death / KILLS)
        company.jump_to(company.start + 4 * HOUR)
        with company.exporter() as exporter:
            scrape = company.fetch_all(exporter)
    assert archived_calls(company.rows()) == expected_calls(company.account)
    assert counted(scrape) == to_be_counted(company.account)


def kill(company: Company, moment: Moment, connection: Connection) -> None:
    """Start an exporter and kill it, if necessary in a transaction, which `connection` shows."""
    before, hang, requests = company.progress(), Hang(), count(1)
    fault = Fault(lambda _: next(requests) == moment.request, hang)
    company.aircall.faults[:] = [] if moment.once_saved else [fault]
    with company.exporter() as exporter:
        if moment.once_saved:
            eventually(lambda: company.progress() != before)
            company.aircall.faults.append(fault)
        if moment.in_transaction:
            hang.released.set()
        assert hang.reached.wait(30), exporter.lines
        deadline = time.monotonic() + 30
        while moment.in_transaction and not is_in_transaction(connection):
            assert time.monotonic() < deadline, exporter.lines
        exporter.kill()
    hang.released.set()
    company.aircall.faults.clear()


def assert_archive_is_consistent(company: Company) -> None:
    """Assert that the archive has all calls of its fetched ranges, and all calls that it has counted."""
    with company.reading() as connection:
        if not inspect(connection).has_table("state"):
            return
        progress = metadata_table.progress(connection)
        archived = connection.execute(select(schema.calls)).all()
        totals = connection.execute(select(schema.totals)).all()
    covered = progress.covered if progress else ()
    covered_calls = {
        call.id
        for call in company.account.calls.values()
        if any(first <= call.started_at <= last for first, last in covered)
    }
    assert covered_calls <= {row.id for row in archived}
    counted_calls = sum(row.value for row in totals if json.loads(row.key)[0] == "calls")
    assert counted_calls == sum(row.counted for row in archived)


@contextmanager
def watching(database: str) -> Iterator[Connection]:
    """Return a connection that shows whether others are in a transaction."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        yield connection
    engine.dispose()


def is_in_transaction(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return bool(
            connection.scalar(text(f"{others} AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"))
        )
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
    except OperationalError:
        return True
    return False


def test_postgresql_stopped_and_started_again_loses_no_call(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    company = Company(postgres_server.database("gone"), tmp_path, seconds_per_request=10)
    with company.aircall, company.exporter() as exporter:
        eventually(lambda: Scrape.at(exporter.url).sum("aircall_calls_total") > 0)
        postgres_server.stop()
        gone_at = time.monotonic()
        try:
            eventually(lambda: Scrape.at(exporter.url).value("aircall_archive_up") == 0)
            before = company.until_polled(exporter)
            for _ in range(8):
                scrape = company.until_polled(exporter)
                for dataset in ("calls", "availabilities"):
                    age = scrape.number("aircall_dataset_age_seconds", dataset=dataset)
                    assert age < time.monotonic() - gone_at
                assert scrape.value("aircall_archive_up") == 0
                assert scrape.value("aircall_up") == 1
            assert scrape.sum("aircall_calls_total") == before.sum("aircall_calls_total")
            assert scrape.number("aircall_archive_pending_calls") > 10
        finally:
            postgres_server.start()
        eventually(lambda: Scrape.at(exporter.url).value("aircall_archive_up") == 1, within=60)
        scrape = company.fetch_all(exporter)
    assert archived_calls(company.rows()) == expected_calls(company.account)
    assert counted(scrape) == to_be_counted(company.account)
