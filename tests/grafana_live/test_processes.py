"""Test Grafana Live with exporters that run as processes: the environment, SIGHUP and log lines."""

import signal
import time
from pathlib import Path

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.fake_grafana import FakeGrafana, fake_grafana
from harness.process import credential, process
from tests.grafana_live.conftest import TOKEN
from tests.support.running import eventually


def test_demo_with_variables_pushes_once_the_token_file_exists(grafana: FakeGrafana, tmp_path: Path) -> None:
    file = tmp_path / "token"
    environ = {"AIRCALL_GRAFANA_LIVE_URL": grafana.url, "AIRCALL_GRAFANA_LIVE_TOKEN_FILE": str(file)}
    with process("demo", "--users=6", **environ) as demo:
        demo.logged(f"pushes to Grafana Live fail, retrying.*{file}, which cannot be read")
        file.write_text(f"{TOKEN}\n")
        eventually(lambda: grafana.pushes)
        demo.logged("pushes to Grafana Live work again")
        assert TOKEN not in "".join(demo.lines)


def test_sighup_after_a_change_of_the_address_moves_the_pushes(
    grafana: FakeGrafana, token_file: Path, tmp_path: Path
) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    config = tmp_path / "aircall.yml"

    def write(url: str) -> None:
        config.write_text(f"grafana_live:\n  url: {url}\n  token_file: {token_file}\n")

    write(grafana.url)
    flags = [f"--config.file={config}", f"--storage.path={tmp_path}"]
    with (
        fake_grafana(TOKEN) as other,
        SimulatedAircall(account) as aircall,
        process(*flags, **credential(aircall)) as exporter,
    ):
        exporter.logged(f"pushing the queue to Grafana Live.*127.0.0.1:{grafana.port}")
        assert eventually(lambda: grafana.pushes)
        write(other.url)
        exporter.process.send_signal(signal.SIGHUP)
        exporter.logged(f"pushing the queue to Grafana Live.*127.0.0.1:{other.port}")
        assert other.pushes
        assert not [line for line in exporter.lines if "changed keys need a restart" in line]
        exporter.process.terminate()
        assert exporter.process.wait(20) == 0
