"""The containers that the Helm chart renders, run with the mounted volumes against the simulated account."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.postgres import Postgres
from harness.process import COMMAND, Process, process
from harness.scrape import Scrape
from tests.support.authority import HASH, TLS, Authority
from tests.support.renderings import container, pod, settings
from tests.support.running import eventually
from tests.support.stack import ROOT

CALLER_KEY = "0123456789abcdef" * 2
WEBHOOK_TOKEN = "token-of-the-webhook"


class Pod:
    """A pod of a rendering, whose volumes are directories."""

    def __init__(self, name: str, directory: Path, secrets: dict[str, str]) -> None:
        self._container, self._directory = container(name), directory
        self._mounts = {
            mount["mountPath"]: directory / mount["name"] for mount in self._container["volumeMounts"]
        }
        for each in self._mounts.values():
            each.mkdir(parents=True)
        self.webhook = free_address()
        config = self.in_directory(settings(name).replace(":9980", self.webhook))
        (directory / "settings/aircall.yml").write_text(config, encoding="utf-8")
        (mounted,) = [volume["projected"] for volume in pod(name)["volumes"] if volume["name"] == "secrets"]
        for source in mounted["sources"]:
            for item in source["secret"]["items"]:
                (directory / "secrets" / item["path"]).write_text(secrets[item["path"]], encoding="utf-8")

    def in_directory(self, text: str) -> str:
        """Return a text with the directories in place of the paths in the container."""
        paths = sorted(self._mounts, key=len, reverse=True)
        return re.sub("|".join(paths), lambda found: str(self._mounts[found[0]]), text)

    @contextmanager
    def running(self, aircall: SimulatedAircall) -> Iterator[Process]:
        """Run the container's command."""
        environ = {each["name"]: self.in_directory(each["value"]) for each in self._container["env"]}
        environ["AIRCALL_BASE_URL"] = aircall.base_url
        arguments = map(self.in_directory, self._container["args"])
        with process(*arguments, command=COMMAND, **environ) as exporter:
            yield exporter

    def probe(self, exporter: Process, kind: str, authority: Authority | None = None) -> bool:
        """Return whether a probe succeeds."""
        get = self._container[f"{kind}Probe"]["httpGet"]
        url = exporter.url.replace("http", get["scheme"].lower()) + get["path"]
        verify = str(authority.directory / "ca.pem") if authority else True
        return requests.get(url, timeout=10, verify=verify).ok


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        yield aircall


@pytest.fixture
def new_pod(aircall: SimulatedAircall, tmp_path: Path) -> Callable[..., Pod]:
    """Return a function that creates a pod of a rendering in a directory of its own."""

    def create(name: str, ordinal: int = 0, **secrets: str) -> Pod:
        credential = {"api-id": aircall.api_id, "api-token": aircall.api_token}
        return Pod(name, tmp_path / f"pod-{ordinal}", credential | secrets)

    return create


def test_exporter_with_a_volume_is_ready_and_keeps_its_archive_there(
    new_pod: Callable[..., Pod], aircall: SimulatedAircall, tmp_path: Path
) -> None:
    own = new_pod("default")
    with own.running(aircall) as exporter:
        for kind in ("liveness", "readiness"):
            eventually(partial(own.probe, exporter, kind))
        assert Scrape.at(exporter.url).value("aircall_up") == 1
    assert (tmp_path / "pod-0/data/archive.sqlite").exists()


def test_standby_pair_has_one_ready_pod_and_the_other_takes_over(
    new_pod: Callable[..., Pod], aircall: SimulatedAircall, postgres_server: Postgres, tmp_path: Path
) -> None:
    secrets = {"storage-url": postgres_server.database("pods"), "caller-key": CALLER_KEY}
    leading, waiting = (new_pod("standby", ordinal, **secrets) for ordinal in (0, 1))
    with ExitStack() as later:
        leader = later.enter_context(leading.running(aircall))
        eventually(partial(leading.probe, leader, "readiness"))
        standby = later.enter_context(waiting.running(aircall))
        eventually(partial(waiting.probe, standby, "liveness"))
        assert not waiting.probe(standby, "readiness")
        leader.process.send_signal(signal.SIGTERM)
        eventually(partial(waiting.probe, standby, "readiness"))
    assert not list(tmp_path.glob("pod-*/data/*"))


def test_exporter_with_options_serves_https_below_its_prefix_and_accepts_events(
    new_pod: Callable[..., Pod], aircall: SimulatedAircall, authority: Authority, tmp_path: Path
) -> None:
    own = new_pod("options", **{"webhook-token": WEBHOOK_TOKEN, "grafana-token": "glsa_token"})
    web = tmp_path / "pod-0/web-config"
    for name in TLS.values():
        (web / name).write_bytes((authority.directory / name).read_bytes())
    (web / "web.yml").write_text(
        f"tls_server_config: {{cert_file: server.pem, key_file: server.key}}\n"
        f"basic_auth_users: {{prometheus: {HASH}}}\n",
        encoding="utf-8",
    )
    event = {"event": "user.connected", "token": WEBHOOK_TOKEN, "data": {}, "timestamp": time.time()}
    with own.running(aircall) as exporter:
        for kind in ("liveness", "readiness"):
            eventually(partial(own.probe, exporter, kind, authority))
        webhook = f"http://{own.webhook}/aircall"
        assert requests.post(f"{webhook}/webhook", json=event, timeout=10).status_code == 200
        assert requests.get(f"{webhook}/metrics", timeout=10).status_code == 404
        assert requests.post(f"{webhook}/webhook", json=event | {"token": "x"}, timeout=10).status_code == 401


def test_malloc_settings_are_those_of_the_image() -> None:
    environ = {each["name"]: each["value"] for each in container("default")["env"]}
    image = re.findall(r"(MALLOC_\w+)=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert environ.items() >= set(image)
    assert len(image) == 2
