"""Replay what exporters expose during outages, faster than real time, through Prometheus and Alertmanager.

Alertmanager removes empty groups every 30 seconds of real time. So in a replay, an alert that fires again may
wait for `group_interval` where it would really wait for `group_wait`.
"""

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from harness.addresses import free_address
from harness.prometheus import PROMETHEUS, repository_config, scrape_jobs
from harness.servers import served
from tests.support.quiet_http import Quiet, serving
from tests.support.stack import program
from tests.support.time_scale import faster, shorter

FACTOR = 60
"""How many times faster than real time a replay is."""

LIVE = "5s"
"""The interval of the live job and its rules, in place of 2 seconds, which are too short to be divided."""

Script = Callable[[float, bool], str | None]
"""Returns the metrics of an exporter at a second of the replay, or None if it is down.

The other argument is whether the job `aircall-live` asks, or the job `aircall`.
"""


@dataclass(frozen=True)
class Notification:
    """A notification that Alertmanager has sent, and the second of the replay at which it came."""

    at: float
    receiver: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.at:.0f} s: {self.alert} of {self.instance} to {self.receiver}, {self.status}"

    @property
    def status(self) -> str:
        return str(self.content["status"])

    @property
    def fires(self) -> bool:
        return self.status == "firing"

    @property
    def alert(self) -> str:
        return str(self.content["groupLabels"]["alertname"])

    @property
    def instance(self) -> str:
        return str(self.content["groupLabels"]["instance"])


class Replay:
    """The exporters of a replay at `/INSTANCE`, and the receivers of its notifications at `/to/RECEIVER`."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self.notifications: list[Notification] = []
        self.begun = threading.Event()
        self._start = 0.0
        replay = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # a response in one packet, since two wait for each other

            def do_GET(self) -> None:
                replay.begin()
                url = urlsplit(self.path)
                text = scripts[url.path.strip("/")](replay.now(), "queue" in url.query)
                self._respond(503 if text is None else 200, (text or "").encode())

            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver = self.path.removeprefix("/to/")
                if "instance" in content["groupLabels"]:  # not before Prometheus has targets
                    replay.notifications.append(Notification(replay.now(), receiver, content))
                self._respond(200, b"")

            def _respond(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = serving(Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def begin(self) -> None:
        """Begin with the first scrape, some seconds after Prometheus' start."""
        if not self.begun.is_set():
            self._start = time.monotonic()
            self.begun.set()

    def now(self) -> float:
        """Return the second of the replay."""
        return (time.monotonic() - self._start) * FACTOR if self.begun.is_set() else 0.0

    def until(self, second: float) -> None:
        """Wait until that second of the replay."""
        assert self.begun.wait(30), "Prometheus has scraped nothing for 30 s"
        time.sleep(max(0.0, (second - self.now()) / FACTOR))

    def counts(self, instance: str, receiver: str) -> Counter[tuple[str, str]]:
        """Return how many notifications about an instance the receiver got, by alert and status."""
        return Counter(
            (each.alert, each.status)
            for each in self.notifications
            if (each.instance, each.receiver) == (instance, receiver)
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def replaying(scripts: dict[str, Script], prometheus: Path = PROMETHEUS) -> Iterator[Replay]:
    """Run the configuration in the directory `prometheus` on exporters that expose what `scripts` return."""
    with ExitStack() as running_now:
        replay = Replay(scripts)
        running_now.callback(replay.close)
        directory = Path(running_now.enter_context(tempfile.TemporaryDirectory()))
        alerts, server = free_address(), free_address()
        for name, content in _files(replay.address, alerts, list(scripts), prometheus).items():
            (directory / name).write_text(yaml.safe_dump(faster(content, FACTOR)), encoding="utf-8")
        alertmanager = served(
            program("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            f"--web.listen-address={alerts}",
            "--cluster.listen-address=",
            directory=directory,
            ready=f"http://{alerts}/-/ready",
        )
        running_now.enter_context(alertmanager)
        running_now.enter_context(
            served(
                program("prometheus", "prometheus"),
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address={server}",
                f"--query.lookback-delta={shorter('5m', FACTOR)}",
                f"--rules.alert.resend-delay={shorter('1m', FACTOR)}",
                directory=directory,
                ready=f"http://{server}/-/ready",
            )
        )
        yield replay


def _files(exporters: str, alerts: str, instances: list[str], prometheus: Path) -> dict[str, Any]:
    """Return the content of the files that the servers read, by name."""
    files = {
        file.name: yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (*sorted((prometheus / "rules").glob("*.yml")), prometheus / "alertmanager.yml")
    }
    for group in [group for name in ("alerts.yml", "recording.yml") for group in files[name]["groups"]]:
        group["interval"] = group.get("interval", "10s").replace("2s", LIVE)
    for receiver in files["alertmanager.yml"]["receivers"]:
        url = f"http://{exporters}/to/{receiver['name']}"
        if receiver["name"] != "discard":
            receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
    config = repository_config()
    config["rule_files"] = [name for name in files if name != "alertmanager.yml"]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alerts]}]}]
    config["scrape_configs"] = scrape_jobs(exporters)
    for job in config["scrape_configs"]:
        job["scrape_interval"] = job.get("scrape_interval", "10s").replace("2s", LIVE)
        job["static_configs"] = [
            {"targets": [exporters], "labels": {"__metrics_path__": f"/{name}", "instance": name}}
            for name in instances
        ]
    return files | {"prometheus.yml": config}
