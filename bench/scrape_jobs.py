"""Measure what the scrape jobs cost. `python -m bench.scrape_jobs` prints tables for docs/scaling.md.

The exporter runs in simulated time over real HTTP. After a busy hour, the series of each group are counted.
For the smallest company, the scrapes of that hour, half an hour for each job, are written into a block of a
Prometheus database by promtool. The bytes per sample follow from the size of the block's chunks.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from exporter.durations import parse_duration
from exporter.metrics.exposition import Exposition
from exporter.metrics.groups import GROUP_NAMES, MetricGroup, selected_groups
from exporter.simulator.simulation import SimulatedAccount
from harness.prometheus import repository_config
from harness.simulated_time import NOON, Polled, polled

COMPANIES = ((24, 180), (100, 750), (500, 3_000))
"""Users, and calls per busy hour."""

HOUR_S = 3600
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Job:
    """A scrape job of prometheus.yml."""

    name: str
    interval: float
    """Seconds."""
    groups: frozenset[MetricGroup]


@dataclass(frozen=True)
class Stored:
    """Samples in a block: their number, and the bytes of their chunks."""

    samples: int
    chunk_bytes: int

    @property
    def bytes_per_sample(self) -> float:
        """The average size of a sample."""
        return self.chunk_bytes / self.samples


def main() -> None:
    """Print the series of each group, the bytes per sample, and the cost of both jobs."""
    jobs, sizes = scrape_jobs(), dict[str, Stored]()
    print(f"| users | {' | '.join(f'`{group}`' for group in GROUP_NAMES)} | all |")
    print("| --: " * (len(GROUP_NAMES) + 2) + "|")
    counted: dict[int, dict[MetricGroup, int]] = {}
    for users, calls in COMPANIES:
        with company(users, calls) as (world, served):
            if not sizes:
                sizes = {job.name: stored(world, served, job) for job in jobs}
            else:
                world.live(HOUR_S)
                served.update(world.poller.snapshot())
            counted[users] = {group: len(series(served, frozenset({group}))) for group in GROUP_NAMES}
        figures = (users, *counted[users].values(), sum(counted[users].values()))
        print(f"| {' | '.join(f'{figure:,}' for figure in figures)} |", flush=True)
    print("\n| job | every | samples in a block | bytes per sample |\n| --- | --: | --: | --: |")
    for job in jobs:
        size = sizes[job.name]
        print(f"| `{job.name}` | {job.interval:g} s | {size.samples:,} | {size.bytes_per_sample:.2f} |")
    print(
        "\n| users | series of `aircall-live` | series of `aircall` | samples per second | GB per year |"
        " one job every 10 s: samples per second | GB per year |"
    )
    print("| --: " * 7 + "|")
    for users, groups in counted.items():
        numbers = {job.name: sum(groups[group] for group in job.groups) for job in jobs}
        rates = {job.name: numbers[job.name] / job.interval for job in jobs}
        year = sum(rates[job.name] * sizes[job.name].bytes_per_sample for job in jobs) * YEAR_S / 1e9
        rest = next(job for job in jobs if job.name == "aircall")
        one = sum(numbers.values()) / rest.interval
        one_year = one * sizes[rest.name].bytes_per_sample * YEAR_S / 1e9
        print(
            f"| {users} | {numbers['aircall-live']:,} | {numbers['aircall']:,} | {sum(rates.values()):,.0f} |"
            f" {year:.1f} | {one:,.0f} | {one_year:.1f} |"
        )


def scrape_jobs() -> list[Job]:
    """Return the exporter's jobs in prometheus.yml."""
    config = repository_config()
    default = config["global"]["scrape_interval"]
    return [
        Job(
            job["job_name"],
            parse_duration(job.get("scrape_interval", default)),
            selected_groups(job["params"]["collect[]"]),
        )
        for job in config["scrape_configs"]
        if "params" in job
    ]


@contextmanager
def company(users: int, calls_per_hour: int) -> Iterator[tuple[Polled, Exposition]]:
    """Return a company whose data has been fetched, and its exposition."""
    account = SimulatedAccount(users, calls_per_hour, start=NOON)
    with polled(account, served={"rate_limit": 600}) as world:
        world.live_until_complete()
        yield (
            world,
            Exposition(
                world.poller.snapshot(), {"exporter": world.instruments}, world.writer.status, world.time
            ),
        )


def series(served: Exposition, groups: frozenset[MetricGroup]) -> list[str]:
    """Return the lines of a scrape that are samples."""
    body, _ = served.expose("", False, groups)
    return [line for line in body.decode().splitlines() if not line.startswith("#")]


def stored(world: Polled, served: Exposition, job: Job) -> Stored:
    """Scrape for half an hour at the job's interval, and write a block of the samples."""
    samples, end = 0, world.time.now + HOUR_S / 2
    with TemporaryDirectory() as directory:
        file = Path(directory) / "samples.om"
        with file.open("w", encoding="utf-8") as output:
            while world.time.now < end:
                served.update(world.poller.snapshot())
                samples += write(output, series(served, job.groups), world.time.now)
                world.live(job.interval)
            output.write("# EOF\n")
        data = Path(directory) / "data"
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(file), str(data)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (a tool of the system)
        size = sum(chunk.stat().st_size for chunk in data.glob("*/chunks/*"))
    return Stored(samples, size)


def write(output: TextIO, lines: list[str], now: float) -> int:
    """Write the samples of a scrape with their time (UNIX seconds). Returns their number."""
    output.writelines(f"{line} {now:.3f}\n" for line in lines)
    return len(lines)


if __name__ == "__main__":
    main()
