"""Measure the memory and processor time of an exporter. `python -m bench.memory` prints a table.

The exporter is a separate process with an archive on disk. It fetches a large company over HTTP, and is
scraped as prometheus.yml says. Set the MALLOC_* variables of the Dockerfile.
"""

import argparse
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import COMMAND, Process, credential, process
from harness.prometheus import scrape_jobs
from harness.scrape import Scrape

USERS, CALLS = 2_000, 50_000
HOURS = 4
"""Hours of history, which are the day: enough for all calls at half as many per hour."""

MAX_RESIDENT_MB = 150
"""Maximum resident memory in megabytes."""
REQUESTS_PER_MINUTE = 6000
"""Many times Aircall's limit, with which fetching the calls would take hours while others begin."""


def main() -> int:
    """Measure an exporter's memory. Returns 1 if it exceeds the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long to watch (default: %(default)s)")
    parser.add_argument("--users", type=int, default=USERS, help="(default: %(default)s)")
    parser.add_argument("--calls", type=int, default=CALLS, help="of the day (default: %(default)s)")
    arguments = parser.parse_args()
    users, calls = arguments.users, arguments.calls
    now = time.time()
    account = SimulatedAccount(users, 0.48 * calls, start=now, history=HOURS * 3600)
    day = datetime.fromtimestamp(now - HOURS * 3600, UTC)
    aircall = SimulatedAircall(account, rate_limit=REQUESTS_PER_MINUTE)
    with TemporaryDirectory() as directory, aircall:
        config = Path(directory) / "aircall.yml"
        config.write_text(f"today: {{starts_at: '{day:%H:%M}', time_zone: UTC}}\n")
        flags = (f"--config.file={config}", f"--storage.path={directory}")
        with process(*flags, command=COMMAND, **credential(aircall)) as exporter:
            begun = time.monotonic()
            shown = until_read(exporter, calls)
            read, spent = resident(exporter), processor_time(exporter)
            fetched = time.monotonic()
            print(f"read in {fetched - begun:.0f} s", file=sys.stderr)
            seen = [read, *watch(exporter, arguments.seconds)]
            share = (processor_time(exporter) - spent) / (time.monotonic() - fetched)
            peak = memory(exporter, "VmHWM")
    columns = "users | calls of the day | after the fetch, MB | median, MB | maximum, MB | fetch, s | CPU, m"
    print(f"| {columns} |\n{'| --: ' * 7}|")
    median = sorted(seen)[len(seen) // 2]
    print(
        f"| {users:,} | {shown:,.0f} | {read:.0f} | {median:.0f} | {peak:.0f}"
        f" | {spent:.1f} | {1000 * share:.0f} |"
    )
    return 0 if peak < MAX_RESIDENT_MB else 1


def until_read(exporter: Process, calls: int) -> float:
    """Wait until all data has been fetched. Returns the number of calls of the day."""
    while True:
        scrape = Scrape.at(exporter.url)
        shown = scrape.sum("aircall_number_period_calls", period="today")
        whole = scrape.value("aircall_dataset_age_seconds", dataset="assignments") is not None
        if whole and shown > 0.9 * calls:
            return shown
        time.sleep(2)


def watch(exporter: Process, seconds: float) -> list[float]:
    """Scrape as the jobs of prometheus.yml do. Returns the resident memory in megabytes every two seconds."""
    slow, live = scrape_jobs(exporter.url)
    until, seen = time.monotonic() + seconds, list[float]()
    while time.monotonic() < until:
        for job in (live,) if len(seen) % 5 else (live, slow):
            requests.get(f"{exporter.url}/metrics", params=job["params"], timeout=10).raise_for_status()
        seen.append(resident(exporter))
        time.sleep(2)
    return seen


def processor_time(exporter: Process) -> float:
    """Return the processor time of a process in seconds."""
    fields = Path(f"/proc/{exporter.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(exporter: Process) -> float:
    """Return the resident memory of a process in megabytes."""
    return memory(exporter, "VmRSS")


def memory(exporter: Process, what: str) -> float:
    """Return a figure of Linux' process status in megabytes."""
    status = Path(f"/proc/{exporter.process.pid}/status").read_text(encoding="ascii")
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found, status  # noqa: S101 (any Linux says so)
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
