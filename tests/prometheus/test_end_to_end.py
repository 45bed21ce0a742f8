"""From the simulated account to a phone that buzzes, by way of a real Prometheus and a real Alertmanager."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.config import QueueWait, Refresh, Thresholds
from exporter.demo.simulation import SimulatedAccount
from exporter.durations import Duration
from exporter.metrics.collector import FAMILIES
from tests.running import Running, eventually, running

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "refresh": Refresh(calls=Duration(2), availabilities=Duration(2)),
    "queue_wait": QueueWait(warning=Duration(1), critical=Duration(2)),
    "sla": Duration(1),
    "thresholds": Thresholds(average_call=Duration(1)),
}


class Receiver:
    """Takes Alertmanager's notifications, as any webhook would."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.alerts += json.loads(body)["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def served(*command: str, directory: Path, ready: str) -> Iterator[None]:
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
        try:
            eventually(lambda: requests.get(ready, timeout=2).ok)
            yield
        finally:
            process.terminate()
            process.wait(10)


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Stack:
    """Everything at work."""

    def __init__(self, exporter: Running, receiver: Receiver, prometheus: str) -> None:
        self.exporter, self.receiver, self._prometheus = exporter, receiver, prometheus

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self._prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        return answer.json()["data"]["result"]

    def value(self, expression: str) -> float | None:
        result = self.query(expression)
        assert len(result) <= 1
        return float(result[0]["value"][1]) if result else None

    def notified(self, **labels: str) -> dict[str, Any] | None:
        wanted = labels.items()
        return next((alert for alert in self.receiver.alerts if wanted <= alert["labels"].items()), None)


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, alertmanager_binary: str, prometheus_binary: str
) -> Iterator[Stack]:
    """The repository's own configuration, with other addresses, a receiver, and a quicker pace."""
    account = SimulatedAccount(users=12, calls_per_hour=0, start=time.time())
    receiver = Receiver()
    with running(account, **QUICK) as exporter:
        alerts, server = free_address(), free_address()
        directory = tmp_path_factory.mktemp("alertmanager")
        config = yaml.safe_load((ROOT / "prometheus/alertmanager.yml").read_text())
        for each in config["receivers"]:
            each["webhook_configs"] = [{"url": receiver.url}]
        (directory / "alertmanager.yml").write_text(yaml.safe_dump(config))
        start_alertmanager = served(
            alertmanager_binary,
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address={alerts}",
            "--cluster.listen-address=",
            directory=directory,
            ready=f"http://{alerts}/-/ready",
        )
        directory = tmp_path_factory.mktemp("prometheus")
        config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(ROOT / "prometheus/rules/*.yml")]
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alerts]}]}]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [exporter.url.removeprefix("http://")]}]
            job.pop("scrape_interval", None)
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] == "aircall"]
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        start_prometheus = served(
            prometheus_binary,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={server}",
            directory=directory,
            ready=f"http://{server}/-/ready",
        )
        with start_alertmanager, start_prometheus:
            exporter.until_ready()
            yield Stack(exporter, receiver, f"http://{server}")
    receiver.close()


@pytest.fixture(scope="module")
def busy(stack: Stack) -> Stack:
    """Somebody talks, somebody waits, and a few calls are over."""
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
    return stack


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_comes_back_through_promql(busy: Stack, family: Any) -> None:
    suffix = "_count" if family.kind in ("histogram", "summary") else ""
    found = busy.query(family.name + suffix)
    assert found
    assert set(family.labels) | {"__name__", "job", "instance"} >= set(found[0]["metric"])


@pytest.mark.parametrize(
    "name",
    ["aircall_api_requests_total", "aircall_api_request_duration_seconds_count", "aircall_polls_total"],
)
def test_what_the_exporter_counts_of_itself_comes_back_too(busy: Stack, name: str) -> None:
    assert busy.query(name)
    assert busy.value("aircall_api_throttled_total") == 0


def test_the_values_are_the_accounts(busy: Stack) -> None:
    account = busy.exporter.account
    assert busy.value("count(aircall_user_info)") == len(account.users)
    assert busy.value("count(count by (team_id) (aircall_team_users))") == len(account.teams) + 1
    for state in ("available", "in_call"):
        users = sum(account.availability(user) == state for user in account.users)
        expression = f'count(max by (user_id) (aircall_user_availability{{state="{state}"}}) == 1)'
        eventually(lambda expression=expression, users=users: (busy.value(expression) or 0) == users)
    assert busy.value('sum(aircall_number_calls{outcome="missed"})') == 1
    assert busy.value('sum(aircall_calls_total{direction="outbound",outcome="unanswered"})') == 1
    assert busy.value("max(aircall_number_average_answer_seconds)") == 10
    assert busy.value("max(aircall_user_sla_breached)") == 1


def test_a_real_wait_reaches_whoever_is_to_hear_of_it(busy: Stack) -> None:
    alert = eventually(lambda: busy.notified(alertname="AircallCallerWaits", severity="critical"), within=60)
    waiting = busy.query("aircall_queue_calls > 0")[0]["metric"]
    assert alert["status"] == "firing"
    assert alert["labels"]["number"] == waiting["number"]
    assert alert["annotations"]["summary"].startswith(
        f"A caller has been waiting on {waiting['number']} for "
    )
    assert "#aircallcallerwaits" in alert["annotations"]["runbook_url"]


def test_promtool_has_nothing_to_say_about_the_metrics(busy: Stack, promtool: Any) -> None:
    metrics = requests.get(f"{busy.exporter.url}/metrics", timeout=10).content
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
