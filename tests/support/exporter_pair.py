"""Run two exporters on one archive."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import requests
from sqlalchemy import create_engine, text

from harness.process import Process
from harness.scrape import Scrape
from tests.support.request_driven_company import Company
from tests.support.running import eventually


class Pair:
    """A busy company, and two exporters of it."""

    def __init__(
        self, url: str, directory: Path, running_now: ExitStack, command: Sequence[str] | None = None
    ) -> None:
        storage = {"url": url, "standby": True}
        self.company = Company(url, directory, seconds_per_request=2, storage=storage)
        self.company.command = command
        running_now.enter_context(self.company.aircall)
        self._running_now = running_now
        self.leader = self.another()
        eventually(lambda: self.company.progress() is not None)  # which calls are counted is decided
        self.standby = self.another()
        eventually(lambda: readiness(self.standby) == STANDS_BY)

    def another(self) -> Process:
        return self._running_now.enter_context(self.company.exporter())

    def take_over(self) -> None:
        """Wait until the standby polls, and swap the two."""
        self.leader, self.standby = self.standby, self.leader
        eventually(lambda: is_leader(self.leader))


def is_leader(exporter: Process) -> bool:
    return Scrape.at(exporter.url).value("aircall_exporter_leader") == 1


def holders(url: str) -> list[int]:
    """Return the sessions that hold the lock of exporters."""
    engine = create_engine(url)
    with engine.connect() as connection:
        ours = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        held = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND {ours}"
        found = list(connection.scalars(text(held)))
    engine.dispose()
    return found


STANDS_BY = "Not ready, on standby: another exporter polls this account.\n"


def readiness(exporter: Process) -> str:
    return requests.get(f"{exporter.url}/-/ready", timeout=10).text
