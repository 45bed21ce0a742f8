"""A real Prometheus that scrapes an exporter of a simulated account."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from exporter.config import Refresh
from exporter.demo.simulation import SimulatedAccount
from exporter.durations import Duration
from tests.grafana.prometheus import Prometheus
from tests.running import Running, eventually, running

QUICK = Refresh(calls=Duration(2), availabilities=Duration(2))

# What takes its time to happen in an account.
SEEN = (
    "aircall_user_number_info",
    "aircall_team_service_level_ratio",
    "sum(increase(aircall_missed_calls_total[1m])) > 0",
    "sum(increase(aircall_user_answer_seconds_count[1m])) > 0",
    "sum(increase(aircall_user_talk_seconds_count[1m])) > 0",
)


@contextmanager
def scraped(exporter: Running, directory: Path) -> Iterator[Prometheus]:
    """A Prometheus that asks the exporter every second."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.fail("prometheus is missing: apt install prometheus", pytrace=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    target = exporter.url.removeprefix("http://")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: aircall, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    command = [
        binary,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
        try:
            eventually(lambda: requests.get(f"http://{address}/-/ready", timeout=2).ok)
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A call centre with more calls than it can take, watched until calls have ended and callers wait."""
    account = SimulatedAccount(calls_per_hour=1200, start=time.time())
    with (
        running(account, served={"rate_limit": 600}, refresh=QUICK, sla=Duration(8)) as exporter,
        scraped(exporter, tmp_path_factory.mktemp("busy")) as prometheus,
    ):
        for something in SEEN:
            eventually(lambda expr=something: prometheus.query(expr), within=120)  # type: ignore[misc]
        yield prometheus
