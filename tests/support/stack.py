"""Run an exporter, Prometheus and Alertmanager with the configuration of the repository."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.config.settings import QueueWait, Refresh, Thresholds
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.prometheus import repository_config, scrape_jobs
from harness.servers import served
from tests.support.quiet_http import Quiet, serving
from tests.support.running import Running, eventually, running

ROOT = Path(__file__).parents[2]
QUICK: dict[str, Any] = {
    "refresh": Refresh(calls=Duration(2), availabilities=Duration(2)),
    "queue_wait": QueueWait(warning=Duration(1), critical=Duration(2)),
    "sla": Duration(1),
    "thresholds": Thresholds(average_call=Duration(1)),
}
"""Settings with which alerts and thresholds apply within seconds."""


def program(package: str, *names: str) -> str:
    """Return the path of a program. If there is none, the test fails with the name of its `package`."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"{names[0]} is missing: apt install {package}", pytrace=False)
    return found


class Receiver:
    """A webhook that stores the alerts of Alertmanager's notifications."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        receiver = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.alerts += json.loads(body)["alerts"]
                self.send_response(200)
                self.end_headers()

        self._server = serving(Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Stack:
    """A running exporter, a Prometheus server, and a receiver of alerts."""

    def __init__(self, exporter: Running, receiver: Receiver, prometheus: str) -> None:
        self.exporter, self.receiver, self.prometheus = exporter, receiver, prometheus

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def value(self, expression: str) -> float | None:
        result = self.query(expression)
        assert len(result) <= 1
        return float(result[0]["value"][1]) if result else None

    def notified(self, **labels: str) -> dict[str, Any] | None:
        expected = labels.items()
        return next((alert for alert in self.receiver.alerts if expected <= alert["labels"].items()), None)


@contextmanager
def stack(
    account: SimulatedAccount,
    *,
    prometheus_config: dict[str, Any] | None = None,
    single_job: bool = False,
    **settings: Any,
) -> Iterator[Stack]:
    """Run the stack on `account` with shorter intervals, and with all alerts sent to a `Receiver`.

    With `single_job`, one scrape job without `params` replaces the two of prometheus.yml.
    """
    with ExitStack() as running_now:
        receiver = Receiver()
        running_now.callback(receiver.close)
        exporter = running_now.enter_context(running(account, served={"rate_limit": 600}, **QUICK | settings))
        alerts, server = free_address(), free_address()
        directory = Path(running_now.enter_context(tempfile.TemporaryDirectory()))
        config = yaml.safe_load((ROOT / "prometheus/alertmanager.yml").read_text())
        for each in config["receivers"]:
            each["webhook_configs"] = [{"url": receiver.url}]
        (directory / "alertmanager.yml").write_text(yaml.safe_dump(config))
        config = repository_config()
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alerts]}]}]
        jobs = config["scrape_configs"] = scrape_jobs(exporter.url)
        if single_job:
            jobs[1:] = []
            del jobs[0]["params"]
        for job in jobs:
            job["scrape_interval"] = "1s"
        config |= prometheus_config or {}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        alertmanager = served(
            program("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            f"--web.listen-address={alerts}",
            "--cluster.listen-address=",
            directory=directory,
            ready=f"http://{alerts}/-/ready",
        )
        prometheus = served(
            program("prometheus", "prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus",
            f"--web.listen-address={server}",
            directory=directory,
            ready=f"http://{server}/-/ready",
        )
        running_now.enter_context(alertmanager)
        running_now.enter_context(prometheus)
        exporter.until_ready()
        yield Stack(exporter, receiver, f"http://{server}")


def stage_a_busy_moment(stack: Stack) -> None:
    """Simulate a conversation, a waiting caller and finished calls, on a quiet account."""
    account, now = stack.exporter.account, time.time()
    users = sorted(user for user in account.users if account.numbers_of(user))
    number = account.numbers_of(users[0])[0].id
    answered = account.ring_in(number, "+33 1 00 00 00 01", at=now - 60)
    account.answer(answered.id, users[0], at=now - 50)
    account.hang_up(answered.id, at=now - 20)
    account.miss(account.ring_in(number, "anonymous", at=now - 30).id, "short_abandoned", at=now - 25)
    account.hang_up(account.dial(users[1], number, "+33 1 00 00 00 02", at=now - 40).id, at=now - 10)
    talking = account.ring_in(number, "+33 1 00 00 00 03", at=now - 20)
    account.answer(talking.id, users[2], at=now - 15)
    account.ring_in(number, "+33 1 00 00 00 04", at=now)
    eventually(lambda: stack.value('sum(aircall_queue_calls{job="aircall"})') == 1)
    eventually(lambda: stack.value("sum(aircall_calls_total)") == 3)


Run = Callable[..., str]
