"""Run the exporter as a process, with flags, signals and exit codes."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from exporter.simulator.server import SimulatedAircall
from harness.forked import Forked

COMMAND = [sys.executable, "-m", "exporter"]
"""Starts a new interpreter, for whatever depends on one. It takes most of a second longer than a fork."""

INSTALLED = [str(Path(sys.executable).parent / "aircall-exporter")]
"""The console script that `pip install` creates."""


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with TemporaryFile("w+", encoding="utf-8") as output, TemporaryFile("w+", encoding="utf-8") as errors:
        started = Forked(arguments, os.environ | environ, output.fileno(), errors.fileno())
        try:
            code = started.wait(30)
        finally:
            started.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())


def credential(aircall: SimulatedAircall) -> dict[str, str]:
    """Return the environment variables of an exporter of this account."""
    return {
        "AIRCALL_API_ID": aircall.api_id,
        "AIRCALL_API_TOKEN": aircall.api_token,
        "AIRCALL_BASE_URL": aircall.base_url,
    }


def receive_signals() -> None:
    """Make a child process receive SIGINT and SIGHUP, whatever its parent ignores.

    A process that a shell starts in the background ignores SIGINT, one under `nohup` ignores SIGHUP, and its
    children inherit that.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """A running exporter. `lines` are its log lines."""

    def __init__(
        self,
        *arguments: str,
        command: Sequence[str] | None = None,
        address: str = "127.0.0.1:0",
        **environ: str,
    ) -> None:
        """Start `command`, by default a fork. It serves on `address`, by default on a free port.

        Without an address, `arguments` say where it serves.
        """
        if address:
            arguments += (f"--web.listen-address={address}",)
        self.process: subprocess.Popen[str] | Forked = (
            Forked(arguments, os.environ | environ)
            if command is None
            else subprocess.Popen(  # noqa: S603 (our own command)
                [*command, *arguments],
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | environ,
            )
        )
        self.lines: list[str] = []
        self._grew = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of its web server, after waiting until it listens."""
        return "http://" + self.logged(r"listening\W+(127[0-9.:]+)")[1]

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def logged(self, pattern: str) -> re.Match[str]:
        """Wait for a log line that matches. Raises AssertionError if there is none after 20 seconds."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.lines if (match := re.search(pattern, line))), None)

        with self._grew:
            assert self._grew.wait_for(lambda: found() is not None, 20), self.lines
            match = found()
        assert match is not None
        return match

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._grew:
                self.lines.append(line)
                self._grew.notify_all()


@contextmanager
def process(
    *arguments: str, command: Sequence[str] | None = None, address: str = "127.0.0.1:0", **environ: str
) -> Iterator[Process]:
    """Run an exporter until the block is left."""
    started = Process(*arguments, command=command, address=address, **environ)
    try:
        yield started
    finally:
        started.kill()
