"""Compare counters with the calls in the archive."""

from sqlalchemy import create_engine, select

from exporter.archive import schema
from harness.simulated_time import Polled
from tests.support.archive_contents import rows
from tests.support.recovery import fetch_all


def assert_counters_are_those_of_the_archive(world: Polled, database: str) -> None:
    fetch_all(world)
    assert world.scrape().value("aircall_archive_up") == 1
    assert world.scrape().sum("aircall_calls_total") == sum(row.counted for row in rows(database)) > 0
    engine = create_engine(database)
    with engine.connect() as connection:
        assert len(connection.execute(select(schema.names)).all()) > 8
    engine.dispose()
