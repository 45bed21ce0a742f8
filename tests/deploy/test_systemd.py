"""The systemd unit: systemd-analyze accepts it, and its command runs."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import COMMAND, process
from harness.scrape import Scrape
from tests.support.running import eventually
from tests.support.stack import ROOT, program

UNIT = ROOT / "deploy/systemd/aircall-exporter.service"
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
    return copy


def analyze(*arguments: str) -> str:
    """Return the output of systemd-analyze, which is empty if there are no problems."""
    command = [program("systemd", "systemd-analyze"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode or arguments[0] == "verify" else ""


def test_unit_is_accepted_by_systemd_analyze(unit: Path) -> None:
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(unit)) == ""


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
