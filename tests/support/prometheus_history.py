"""A Prometheus server with hours of a company's samples, as if it had scraped the exporter meanwhile."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TextIO

import msgspec
from starlette.responses import Response

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator.faults import Exchange, Fault
from exporter.simulator.server import LoggedRequest
from exporter.simulator.simulation import SimulatedAccount
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from harness.addresses import free_address
from harness.servers import served
from harness.simulated_time import Polled, polled
from tests.support.stack import ROOT, program
from tests.support.webhook_world import polled_with_events

TOKEN = "a token of the webhook"
PHASE = 3.7
"""Seconds by which scrapes are later than full minutes: scrapes and polls are independent of each other."""
BLOCK = 7200
"""Seconds of a block of Prometheus' database, which promtool writes at once."""
DOWN = 30.0
"""Seconds that a restart of the exporter takes."""


@dataclass
class Company:
    """A company whose exporter was scraped, with its name as `instance`. Tests compare with its account."""

    name: str
    account: SimulatedAccount
    every: int
    """Seconds between polls, and between scrapes."""
    settings: dict[str, Any] = field(default_factory=dict)
    served: dict[str, Any] = field(default_factory=dict)
    pushed: tuple[bytes, ...] = ()
    """Bodies that are posted to the webhook before each scrape. Without any, there is no webhook."""
    receives_events: bool = False
    """Whether the account's events reach the exporter. Not together with `pushed`."""
    scrapes: list[float] = field(default_factory=list)
    """UNIX seconds of each scrape after all datasets were fetched."""
    states: list[list[tuple[float, dict[int, str]]]] = field(default_factory=list)
    """The availabilities at Aircall and their times, a list for each run of the exporter."""
    requests: list[LoggedRequest] = field(default_factory=list)

    @property
    def late(self) -> float:
        """Seconds within which the end of a call is on a board: after poll, scrape and recording rule."""
        return 3 * self.every + 5

    async def witness(self, exchange: Exchange) -> Response:
        """Respond normally, and store the availabilities of the response."""
        answer = exchange.normal_response()
        users = msgspec.json.decode(bytes(answer.body))["users"]
        self.states[-1].append((self.account.now, {user["id"]: user["availability"] for user in users}))
        return answer


class Scrapes:
    """Samples with their times, in a file for each block."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, TextIO] = {}

    def watch(self, company: Company, *lives: float) -> None:
        """Scrape the company's exporter. It runs for each of `lives` (seconds), with restarts in between."""
        interval = Duration(company.every)
        settings = {"refresh": Refresh(calls=interval, availabilities=interval)} | company.settings
        witness = Fault(lambda path: path.endswith("/availabilities"), company.witness)
        api = {"rate_limit": 600} | company.served
        api["faults"] = [*api.get("faults", ()), witness]
        for seconds in lives:
            if company.states:
                company.account.advance(company.account.now + DOWN)
            company.states.append([])
            archive = Archive(sqlite_url(str(self._directory / company.name)))
            run = polled_with_events if company.receives_events else polled
            with run(company.account, archive=archive, served=api, **settings) as world:
                end = world.time.now + seconds
                world.live(PHASE)
                webhook = [self._inbox(world)] if company.pushed else []
                while world.time.now < end:
                    for inbox in webhook:
                        for body in company.pushed:
                            inbox.deliver(body)
                    self._take(world, company)
                    world.live(company.every)
                company.requests += world.aircall.requests

    def _inbox(self, world: Polled) -> Inbox:
        return Inbox(lambda: (TOKEN,), WebhookMetrics(world.instruments, world.time), world.time)

    def _take(self, world: Polled, company: Company) -> None:
        """Write the samples of a scrape, and those that Prometheus adds about the scrape."""
        now, begun = world.time.now, perf_counter()
        samples = [
            (sample.name, sample.labels, sample.value)
            for family in world.registry.collect()
            for sample in family.samples
        ]
        samples += [
            ("up", {}, 1),
            ("scrape_duration_seconds", {}, perf_counter() - begun),
            ("scrape_samples_post_metric_relabeling", {}, len(samples)),
        ]
        if len(world.poller.account.known) == 7:
            company.scrapes.append(now)
        own = _text((("job", "aircall"), ("instance", company.name))).removeprefix(",")
        self._file(now).writelines(
            f"{name}{{{own}{_text(tuple(labels.items()))}}} {float(value)} {now:.3f}\n"
            for name, labels, value in samples
        )

    def _file(self, now: float) -> TextIO:
        block = int(now) // BLOCK
        if block not in self._files:
            self._files[block] = (self._directory / f"{block}.om").open("w", encoding="utf-8")
        return self._files[block]

    def filled(self) -> Path:
        """Write the database. Returns its directory."""
        data = self._directory / "data"
        for file in self._files.values():
            file.write("# EOF\n")
            file.close()
            _promtool("openmetrics", file.name, data)
            Path(file.name).unlink()
        return data


@lru_cache(100_000)
def _text(labels: tuple[tuple[str, str], ...]) -> str:
    """Return labels, each behind a comma. OpenMetrics escapes as JSON does."""
    return "".join(f",{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels)


def record(url: str, company: Company, data: Path) -> None:
    """Add the series of the recording rules for the company, by queries to the Prometheus at `url`."""
    _promtool(
        "rules",
        f"--url={url}",
        f"--output-dir={data}",
        f"--eval-interval={company.every}s",
        f"--start={company.scrapes[0]:.0f}",
        f"--end={company.scrapes[-1]:.0f}",
        ROOT / "prometheus/rules/recording.yml",
    )


def _promtool(*arguments: str | Path) -> None:
    command = [program("prometheus", "promtool"), "tsdb", "create-blocks-from", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def remembering(data: Path, patience: float) -> Iterator[str]:
    """Run a Prometheus that scrapes nothing and contains `data`. Returns its address.

    Prometheus marks a series as ended if a scrape lacks it. promtool cannot write such a mark: here a series
    ends when its last sample is older than `patience` (seconds).
    """
    address = free_address()
    with TemporaryDirectory() as directory:
        shutil.copytree(data, Path(directory) / "data")
        (Path(directory) / "prometheus.yml").write_text("{}")
        with served(
            program("prometheus", "prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=10y",
            f"--query.lookback-delta={patience:.0f}s",
            f"--web.listen-address={address}",
            directory=Path(directory),
            ready=f"http://{address}/-/ready",
        ):
            yield f"http://{address}"
