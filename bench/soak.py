"""Run the exporter for a week with faults of Aircall and the database: `python -m bench.soak` prints a table.

The exporter runs in simulated time over real HTTP. The account is in a separate process, so this process has
only the exporter's memory. A week takes about half an hour; `--days 1` takes less.
Set the MALLOC_* variables of the Dockerfile, so that freed memory is returned to the system.
"""

import argparse
import gc
import logging
import random
import re
import sys
import time
from dataclasses import dataclass
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import structlog
from sqlalchemy import create_engine, select

from bench.misbehaving import Company, SharedTime, serve, shared_time
from exporter.account import recorded_steps
from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.aircall import http_session
from exporter.archive import schema, writer_thread
from exporter.config.settings import CallBacks
from exporter.durations import Duration
from exporter.metrics.exposition import Exposition
from exporter.simulator.server import SimulatedAircall
from harness.expected_counts import archived_calls, counted
from harness.faults.patience import given_up_after
from harness.simulated_time import NOON, Polled, SimulatedTime
from harness.unavailable_archive import UnavailableArchive

DAY_S = 86_400
SILENCE_S = 0.3
"""Real seconds after which no response is expected any more."""

MAX_MEMORY_GROWTH = 1.05
"""Maximum ratio of the last day's memory to the second day's, as allocators are coarse."""

CALM_AT_END_S = 3 * 3600
"""Seconds without faults before the end. Missing objects are fetched again within half an hour."""

SCRAPE_INTERVAL_S = 60
"""Seconds between two scrapes."""

MEAN_OUTAGE_INTERVAL_S = 4 * 3600
MAX_OUTAGE_S = 3600
"""Average seconds between two outages of the database, and the longest outage."""

MAX_PENDING_CALLS = 200
"""Calls that may wait for the database, so few that the queue is often full."""

MAX_REMEMBERED_STEPS, CALL_BACKS_EXPIRE_AFTER = 2000, Duration(DAY_S)
"""Bounds that are reached within two days, so that memory stays constant afterwards."""


@dataclass(frozen=True)
class Remote:
    """The account in the other process, as far as the exporter needs it."""

    base_url: str
    api_id: str = "demo"
    api_token: str = "demo-token"  # noqa: S105 (opens nothing)
    account: None = None


def main() -> int:
    """Run an exporter for days of simulated time with faults. Returns 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--days", type=float, default=7.0, help="how long (default: %(default)s)")
    parser.add_argument("--users", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--calls-per-hour", type=int, default=600, help="(default: %(default)s)")
    parser.add_argument("--requests-per-minute", type=int, default=60, help="(default: %(default)s)")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    until = NOON + given.days * DAY_S
    company = Company(given.users, given.calls_per_hour, given.requests_per_minute, until - CALM_AT_END_S)
    shared, (account, there) = shared_time(), Pipe()
    process = Process(target=serve, args=(company, shared, there), daemon=True)
    process.start()
    there.close()
    with TemporaryDirectory() as directory:
        database = f"sqlite:///{directory}/archive.sqlite"
        remote = cast("SimulatedAircall", Remote(account.recv()))
        archive = UnavailableArchive(database)
        recorded_steps.MAX_REMEMBERED = MAX_REMEMBERED_STEPS
        rules = CallBacks(expire=CALL_BACKS_EXPIRE_AFTER)
        world = Polled(remote, cast("SimulatedTime", SharedTime(shared)), archive, call_backs=rules)
        try:
            soak = Soak(world, account, archive, database, until - CALM_AT_END_S)
            with given_up_after(http_session.REQUEST_TIMEOUT_S, world, SILENCE_S):
                return soak.run(until)
        finally:
            world.client.close()
            world.writer.stop()
            account.close()
            process.join(10)


class Soak:
    """Runs an exporter for days and checks it."""

    def __init__(
        self, world: Polled, account: Connection, archive: UnavailableArchive, database: str, calm_from: float
    ) -> None:
        self._world, self._account, self._archive, self._database = world, account, archive, database
        self._calm_from, self._back_at = calm_from, 0.0
        self._outages = self._refusals = 0
        self._chance = random.Random(1)  # noqa: S311 (no secret)
        writer_thread.MAX_PENDING_CALLS = MAX_PENDING_CALLS
        self._exposition = Exposition(
            world.poller.snapshot(), {"exporter": world.instruments}, world.writer.status, world.time
        )

    def run(self, until: float) -> int:
        """Run until `until`. Returns 1 if a call was lost, the budget exceeded, or memory grew."""
        print("| day | requests | failed | faults so far | calls | memory, MB | blocks | minutes |")
        print("| --: | --: | --: | --: | --: | --: | --: | --: |", flush=True)
        memory = []
        while self._world.time.now < until:
            begun, before = time.monotonic(), self._requests()
            self._live(min(until, self._world.time.now + DAY_S))
            asked, failed = (now - then for now, then in zip(self._requests(), before, strict=True))
            memory.append(resident())
            cells = (
                f"{len(memory)}",
                f"{asked:,.0f}",
                f"{failed:,.0f}",
                f"{self._ask('faults').total():,}",
                f"{self._ask('calls'):,}",
                f"{memory[-1]:.1f}",
                f"{sys.getallocatedblocks():,}",
                f"{(time.monotonic() - begun) / 60:.1f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
        return self._verdict(memory)

    def _live(self, until: float) -> None:
        while self._world.time.now < until:
            self._begin_outages(self._world.time.now)
            self._world.live(min(SCRAPE_INTERVAL_S, until - self._world.time.now))
            self._refusals += self._world.poller.account.ledger.full
            self._exposition.update(self._world.poller.snapshot())
            self._exposition.expose("", zipped=True)

    def _begin_outages(self, now: float) -> None:
        if self._archive.unavailable:
            self._archive.unavailable = now < self._back_at
        elif now < self._calm_from and self._chance.random() < SCRAPE_INTERVAL_S / MEAN_OUTAGE_INTERVAL_S:
            self._archive.unavailable, self._back_at = (
                True,
                now + self._chance.uniform(SCRAPE_INTERVAL_S, MAX_OUTAGE_S),
            )
            self._outages += 1

    def _verdict(self, memory: list[float]) -> int:
        self._read_whole(self._ask("freeze"))
        scrape, planned = counted(self._world.scrape()), self._ask("to be counted")
        engine = create_engine(self._database)
        with engine.connect() as connection:
            differing = (
                archived_calls(connection.execute(select(schema.calls))).items() ^ self._ask("plan").items()
            )
        engine.dispose()
        most, budget = self._ask("most in a minute"), self._world.poller.budget.requests_per_minute
        calls = self._ask("calls")
        first = memory[:2][-1]
        wrong = {id_ for id_, _ in differing}
        print(f"\nFaults: {self._ask('faults').total()}, of {len(self._ask('faults'))} kinds.")
        print(f"The database was away {self._outages} times; for {self._refusals} minutes there was no room.")
        print(f"Calls: {calls:,}; lost, doubled or kept otherwise than planned: {len(wrong)}.")
        print(f"Counters equal to the plan: {'yes' if scrape == planned else 'NO'}.")
        print(f"Most requests in any 60 seconds: {most}, of {budget:g} that it may make.")
        print(f"Memory after the second day and at the end: {first:.1f} and {memory[-1]:.1f} MB.")
        for id_ in sorted(wrong)[:10]:
            print(id_, file=sys.stderr)
        grew = memory[-1] > MAX_MEMORY_GROWTH * first
        return int(bool(wrong) or scrape != planned or most > budget or grew)

    def _read_whole(self, now: float) -> None:
        """Poll until all data of an account that stopped at `now` is fetched."""
        going_on, account = self._ask("open"), self._world.poller.account
        until = self._world.time.now + 7200
        while self._world.time.now < until and not (
            account.coverage.fetched[-1][1] >= int(now) - LATE_ARRIVAL_S
            and not account.coverage.gaps
            and account.calls.active.keys() == going_on
        ):
            self._world.step(until)
        self._world.live(60)

    def _requests(self) -> tuple[float, float]:
        """Return the number of requests, and of failed ones."""
        value = self._world.instruments.collect
        samples = [
            sample
            for family in value()
            for sample in family.samples
            if sample.name == "aircall_api_requests_total"
        ]
        return (
            sum(sample.value for sample in samples),
            sum(sample.value for sample in samples if sample.labels["code"] != "200"),
        )

    def _ask(self, question: str) -> Any:
        self._account.send(question)
        return self._account.recv()


def resident() -> float:
    """Return the resident memory of this process in megabytes."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found, status  # noqa: S101 (any Linux says so)
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
