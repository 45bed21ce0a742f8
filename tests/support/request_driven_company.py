"""A company whose time advances with each request of the exporter."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, create_engine, inspect, select

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import gaps
from exporter.account.records import Checkpoint
from exporter.archive import metadata_table, schema
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import open_calls
from harness.process import Process, credential, process
from harness.scrape import Scrape
from tests.support.running import eventually

HOUR = 3600.0


class Company:
    """A busy account whose time advances with each request, and jumps on demand.

    So the response to a request does not depend on the speed of the machine. The account has no calls
    before the exporter's first start, which therefore counts every call.
    """

    def __init__(self, database: str, directory: Path, seconds_per_request: float, **settings: Any) -> None:
        self.start = float(int(time.time()))
        self.account = SimulatedAccount(users=40, calls_per_hour=600, seed=5, start=self.start, history=0)
        self.aircall = SimulatedAircall(self.account, clock=self.now, rate_limit=1_000_000)
        self.database = database
        self.command: Sequence[str] | None = None
        """The command that starts an exporter, by default a fork."""
        self._moved_to, self._requests, self._pace = self.start, 0, seconds_per_request
        self._config = directory / "aircall.yml"
        self.flags = (f"--config.file={self._config}", f"--storage.path={directory}")
        config = {
            "storage": {"url": database},
            "activity_period": "1m",
            "refresh": {"calls": "1s", "availabilities": "1s"},
        }
        self._config.write_text(yaml.safe_dump(config | settings))

    def now(self) -> float:
        return self._moved_to + self._pace * (len(self.aircall.requests) - self._requests)

    def jump_to(self, to: float) -> None:
        """Advance the account's time to `to` (UNIX seconds)."""
        self._moved_to, self._requests = to, len(self.aircall.requests)

    def stop_clock(self) -> None:
        self.jump_to(self.now())
        self._pace = 0.0

    def exporter(self) -> AbstractContextManager[Process]:
        """Run an exporter of this account until the block is left."""
        return process(*self.flags, command=self.command, **credential(self.aircall))

    def fetch_all(self, exporter: Process) -> Scrape:
        """Stop the account's time until all data is fetched and saved. Returns a scrape after that."""
        self.stop_clock()

        def all_is_fetched() -> bool:
            progress = self.progress()
            if progress is None or progress.covered[-1][1] < int(self.now()) - LATE_ARRIVAL_S:
                return False
            return not gaps(progress.covered, progress.wanted_from) and open_calls(self.account) == {
                row.id for row in self.rows() if row.status != "done"
            }

        eventually(all_is_fetched, within=60)
        eventually(lambda: Scrape.at(exporter.url).value("aircall_archive_pending_calls") == 0)
        return self.until_polled(exporter)

    def until_polled(self, exporter: Process, times: int = 1) -> Scrape:
        """Wait this many times until the exporter serves calls that it has requested since.

        Returns a scrape after that.
        """
        for _ in range(times):
            scrape = eventually(partial(_served_since, time.monotonic(), exporter))
        return scrape

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that reads the archive as it is at one moment."""
        engine = create_engine(self.database, isolation_level="SERIALIZABLE")
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def rows(self) -> list:
        with self.reading() as connection:
            return list(connection.execute(select(schema.calls)).all())

    def progress(self) -> Checkpoint | None:
        with self.reading() as connection:
            return metadata_table.progress(connection) if inspect(connection).has_table("state") else None


def _served_since(begun: float, exporter: Process) -> Scrape | None:
    """Return a scrape if it serves calls that were requested later than `begun`."""
    scraped = time.monotonic()
    scrape = Scrape.at(exporter.url)
    age = scrape.value("aircall_dataset_age_seconds", dataset="calls")
    return scrape if age is not None and age < scraped - begun else None
