"""The two scrape jobs of prometheus.yml in a real Prometheus: together they equal one job for everything."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.metrics import queue
from exporter.metrics.family import Family
from exporter.metrics.groups import ALL_GROUPS
from exporter.metrics.sections import FAMILIES
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.process import Process, credential
from harness.prometheus import scrape_jobs
from harness.servers import served
from tests.support.prometheus import Prometheus
from tests.support.running import eventually
from tests.support.stack import ROOT, program

ABOUT_SCRAPES = "up|scrape_.+"
"""Series that Prometheus adds to each scrape. Metric relabelling does not apply to them."""

OF_EXPORTER = f'{{__name__!~"{ABOUT_SCRAPES}|ALERTS.*|.+:.+", job="%s"}}'
CONFLICTS = "duplicate|out_of_order|out_of_bounds"


class World:
    """An exporter as a process, and a Prometheus with both jobs and one that scrapes everything."""

    def __init__(self, aircall: SimulatedAircall, exporter: str, prometheus: str, directory: Path) -> None:
        self.aircall, self.address, self.directory = aircall, exporter, directory
        self.prometheus = Prometheus(f"http://{prometheus}")
        self.log = directory / "prometheus.log"
        self.process: Process | None = None

    def start(self) -> None:
        """Start the exporter, and wait until both jobs have scraped it."""
        (self.directory / "aircall.yml").write_text("refresh: {calls: 1s, availabilities: 1s}\n")
        flags = (f"--config.file={self.directory}/aircall.yml", f"--storage.path={self.directory}")
        self.process = Process(*flags, address=self.address, **credential(self.aircall))
        eventually(lambda: requests.get(f"http://{self.address}/-/ready", timeout=5).ok)
        eventually(lambda: self.up() == {"aircall": 1, "aircall-live": 1, "single": 1})

    def kill(self) -> None:
        assert self.process
        self.process.kill()

    def up(self) -> dict[str, float]:
        found = self.prometheus.query("up")
        return {sample["metric"]["job"]: float(sample["value"][1]) for sample in found}

    def series(self, job: str) -> set[frozenset[tuple[str, str]]]:
        """Return the current series of a job, without the label `job`."""
        found = self.prometheus.query(OF_EXPORTER % job)
        return {frozenset(sample["metric"].items() - {("job", job)}) for sample in found}

    def names(self, job: str) -> set[str]:
        return {dict(labels)["__name__"] for labels in self.series(job)}

    def conflicts(self) -> dict[str, float]:
        """Return how often Prometheus has dropped samples or scrapes, by the counter's name."""
        text = requests.get(f"{self.prometheus.url}/metrics", timeout=10).text
        pattern = rf"^(prometheus_(?:target_scrapes|tsdb)_\w*(?:{CONFLICTS})\w*_total)\S* (\S+)$"
        return {name: float(value) for name, value in re.findall(pattern, text, re.MULTILINE)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("jobs")
    account = SimulatedAccount(users=12, calls_per_hour=900, start=time.time())
    with ExitStack() as running_now:
        aircall = running_now.enter_context(SimulatedAircall(account, rate_limit=6000))
        exporter, prometheus = free_address(), free_address()
        jobs = scrape_jobs(exporter)
        single: dict[str, Any] = {"job_name": "single", "static_configs": jobs[0]["static_configs"]}
        for job, interval in zip((*jobs, single), ("2s", "1s", "2s"), strict=True):
            job["scrape_interval"] = interval
        (directory / "prometheus.yml").write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "2s", "scrape_timeout": "1s", "evaluation_interval": "2s"},
                    "rule_files": [str(ROOT / "prometheus/rules/*.yml")],
                    "scrape_configs": [*jobs, single],
                }
            )
        )
        world = World(aircall, exporter, prometheus, directory)
        running_now.enter_context(
            served(
                program("prometheus", "prometheus"),
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address={prometheus}",
                directory=directory,
                ready=f"http://{prometheus}/-/ready",
                log=world.log,
            )
        )
        world.start()
        running_now.callback(world.kill)
        yield world


def test_jobs_of_prometheus_yml_have_each_group_once() -> None:
    groups = [group for job in scrape_jobs("http://localhost:9979") for group in job["params"]["collect[]"]]
    assert sorted(groups) == sorted(ALL_GROUPS)


def test_both_jobs_together_have_the_names_and_labels_of_one_job(world: World) -> None:
    eventually(lambda: world.names("single") and world.names("aircall") == world.names("single"))

    def same() -> bool:
        # Calls come and go between two scrapes: series of single calls differ for a moment.
        return world.series("aircall") == world.series("single")

    eventually(same)
    assert {"aircall_queue_calls", "aircall_user_availability", "aircall_calls_total"} <= world.names(
        "aircall"
    )
    assert world.names("aircall-live") == set()


def test_up_of_both_jobs_stays_separate(world: World) -> None:
    assert world.up() == {"aircall": 1, "aircall-live": 1, "single": 1}
    samples = world.prometheus.query("scrape_samples_scraped")
    scraped = {sample["metric"]["job"]: float(sample["value"][1]) for sample in samples}
    assert scraped["aircall"] + scraped["aircall-live"] == pytest.approx(scraped["single"], abs=20)


def test_each_series_is_written_by_one_job_at_its_interval(world: World) -> None:
    def samples(family: Family) -> float:
        """Return the largest number of samples of a series in 10 seconds."""
        name = family.name + ("_count" if family.kind in ("histogram", "summary") else "")
        found = world.prometheus.query(f'max(count_over_time({name}{{job="aircall"}}[10s]))')
        return float(found[0]["value"][1]) if found else 0

    live = [family for family in FAMILIES if family.group in ("queue", "presence")]
    eventually(lambda: samples(queue.QUEUE_CALLS) >= 9)
    assert {samples(family) for family in live} & {9, 10, 11}
    assert max(samples(family) for family in live) <= 11
    rest = [samples(family) for family in FAMILIES if family not in live]
    assert max(rest) <= 6  # twice as many if both jobs wrote it
    assert sum(count >= 4 for count in rest) > 40


def test_restart_of_the_exporter_ends_all_series_and_causes_no_conflicts(world: World) -> None:
    before = world.names("aircall")
    world.kill()
    eventually(lambda: world.up() == {"aircall": 0, "aircall-live": 0, "single": 0}, within=10)
    assert world.series("aircall") == world.series("single") == set()  # stale at once, not after 5 minutes
    world.start()
    eventually(lambda: world.names("aircall") >= before)
    conflicts = world.conflicts()
    assert {
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
    } <= conflicts.keys()
    assert set(conflicts.values()) == {0}
    log = world.log.read_text(encoding="utf-8")
    assert "Server is ready" in log
    assert not re.search("level=(warn|error)", log)
