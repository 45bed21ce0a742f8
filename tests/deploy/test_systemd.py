"""The systemd units: systemd-analyze accepts them, and their command runs."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.process import COMMAND, credential, process, run
from harness.scrape import Scrape
from tests.support.running import eventually
from tests.support.stack import ROOT, program

UNIT = ROOT / "deploy/systemd/aircall-exporter.service"
SOCKET = UNIT.with_suffix(".socket")
INSTALLED = "/opt/aircall-exporter/bin/aircall-exporter"
EXPOSED_AT_MOST = 15
"""Tenths of systemd's exposure level, which it calls "OK" up to 50. Access to the network remains."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit for an exporter that is installed here."""
    text = UNIT.read_text(encoding="utf-8").replace(
        INSTALLED, f"{Path(sys.executable).parent}/aircall-exporter"
    )
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    (tmp_path / SOCKET.name).write_bytes(SOCKET.read_bytes())
    return copy


def analyze(*arguments: str) -> str:
    """Return the output of systemd-analyze, which is empty if there are no problems."""
    command = [program("systemd", "systemd-analyze"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode or arguments[0] == "verify" else ""


@pytest.mark.parametrize("suffix", [UNIT.suffix, SOCKET.suffix])
def test_unit_is_accepted_by_systemd_analyze(unit: Path, suffix: str) -> None:
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(unit.with_suffix(suffix))) == ""


def test_unit_has_a_low_exposure_level(unit: Path) -> None:
    assert (
        analyze("security", "--offline=yes", f"--threshold={EXPOSED_AT_MOST}", "--no-pager", str(unit)) == ""
    )


def test_unit_command_reads_the_credential_from_systemd(tmp_path: Path) -> None:
    config, credentials, state = tmp_path / "etc", tmp_path / "credentials", tmp_path / "state"
    lines = UNIT.read_text(encoding="utf-8").replace("/etc/%N", str(config)).replace("%N", "aircall-exporter")
    settings = lines.replace("%d", str(credentials)).replace("%S", str(state))
    (command,) = re.findall(r"^ExecStart=(.+) \$ARGS$", settings, re.MULTILINE)
    variables = re.findall(r"^Environment=(.+)$", settings, re.MULTILINE)
    environ = dict(pair.split("=") for line in variables for pair in line.split())
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        config.mkdir()
        (config / "aircall.yml").touch()
        credentials.mkdir()
        values = {"api-id": aircall.api_id, "api-token": aircall.api_token}
        for name, source in re.findall(r"^LoadCredential=(.+?):(.+)$", settings, re.MULTILINE):
            assert Path(source).parent == config
            (credentials / name).write_text(values.pop(name), encoding="utf-8")
        assert not values
        program_, *arguments = command.split()
        assert program_ == INSTALLED
        environ["AIRCALL_BASE_URL"] = aircall.base_url
        with process(*arguments, command=COMMAND, **environ) as exporter:
            eventually(lambda: Scrape.at(exporter.url).value("aircall_up") == 1)
    assert (state / "aircall-exporter/archive.sqlite").exists()


def get_through(socket_file: Path) -> bytes:
    """Return the response to a request through a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(socket_file))
        client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(1000), b""))


@pytest.mark.parametrize("tcp", [True, False], ids=["TCP and Unix", "Unix alone"])
def test_sockets_that_systemd_opens_are_served(tmp_path: Path, tcp: bool) -> None:
    """systemd-socket-activate opens sockets as systemd does, and starts the exporter on a connection."""
    address, socket_file = free_address(), tmp_path / "exporter.socket"
    activate = [
        program("systemd", "systemd-socket-activate"),
        f"--listen={socket_file}",
        *([f"--listen={address}"] if tcp else []),
        *(f"--setenv={name}" for name in ("AIRCALL_API_ID", "AIRCALL_API_TOKEN", "AIRCALL_BASE_URL")),
        *COMMAND,
    ]
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    flags = ("--web.systemd-socket", f"--storage.path={tmp_path}")
    with (
        SimulatedAircall(account, rate_limit=6000) as aircall,
        process(*flags, command=activate, address="", **credential(aircall)) as exporter,
    ):
        assert eventually(lambda: get_through(socket_file)).startswith(b"HTTP/1.1 200 ")
        if tcp:
            assert requests.get(f"http://{address}/-/healthy", timeout=20).status_code == 200
        exporter.logged(f"listening=.?unix:{socket_file}" + (f", {address}" if tcp else ""))


def test_systemd_socket_flag_without_a_socket_or_with_an_address_is_an_error(tmp_path: Path) -> None:
    flags = ("--web.systemd-socket", f"--storage.path={tmp_path}")
    for more, problem in (
        (
            (),
            "--web.systemd-socket: found no socket from systemd, expected a start by systemd",
        ),
        (("--web.listen-address=:0",), "--web.systemd-socket and --web.listen-address exclude each other"),
    ):
        done = run(*flags, *more, AIRCALL_API_ID="id", AIRCALL_API_TOKEN="the-token")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert done.stderr.startswith(f"aircall-exporter: {problem}")
