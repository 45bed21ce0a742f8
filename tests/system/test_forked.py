"""Test that a forked exporter behaves as one in a new interpreter."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.process import COMMAND, process, receive_signals, run
from tests.support.stack import ROOT


@pytest.mark.parametrize(
    "arguments", [["calls", "--help"], ["--no-such-flag"], ["check-config", "aircall.yml"], ["switch", "1"]]
)
def test_command_prints_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The width of the help is that of a variable, and the file is in the working directory."""
    (tmp_path / "aircall.yml").write_text("sla: soon\n")
    monkeypatch.chdir(tmp_path)
    environ = {"COLUMNS": "60", "AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "a-token"}
    real = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=os.environ | environ, check=False
    )
    forked = run(*arguments, **environ)
    assert (forked.returncode, forked.stdout, forked.stderr) == (real.returncode, real.stdout, real.stderr)


@pytest.fixture
def _received_signals() -> Iterator[None]:
    """Let children of the tests' process receive the signals that its own parent ignores."""
    numbers = signal.SIGINT, signal.SIGHUP
    before = {number: signal.getsignal(number) for number in numbers}
    receive_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_received_signals")
def test_server_has_the_same_signals_and_files() -> None:
    def started(command: Sequence[str] | None) -> tuple[list[str], int, int]:
        with process("demo", "--users=3", command=command) as demo:
            demo.logged("polling Aircall")
            of_process = Path(f"/proc/{demo.process.pid}")
            signals = re.findall(r"Sig(?:Ign|Cgt):\s+\S+", (of_process / "status").read_text())
            files = len({file.readlink() for file in (of_process / "fd").iterdir() if int(file.name) < 5})
            demo.kill()
            return signals, files, demo.process.wait()

    assert started(None) == started(COMMAND)


def test_fork_server_ends_when_its_client_is_killed() -> None:
    """The server holds the client's standard error, which is read until all have closed it."""
    script = "import os; from harness.process import run; run('--version'); os.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=ROOT, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (-9, b"")
