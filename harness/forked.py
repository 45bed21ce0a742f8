"""Start exporters that `harness.fork_server` forks."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO


class Forked:
    """An exporter that was forked, with what tests use of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> None:
        """Start an exporter in the working directory of this process, and with its standard input."""
        self.returncode: int | None = None
        self.stdout, output = _stream(stdout)
        self.stderr, errors = _stream(stderr)
        self._answers, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps([arguments, dict(environ), str(Path.cwd())]).encode()
        with answers:
            _, server = _server()
            socket.send_fds(server, [request], [0, output, errors, answers.fileno()])
        for pipe, descriptor in ((self.stdout, output), (self.stderr, errors)):
            if pipe is not None:
                os.close(descriptor)
        self.pid = self._answer("pid")

    def poll(self) -> int | None:
        """Return the exit code, or `None` if it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Returns the exit code. Raises TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            self.returncode = self._answer("code", timeout)
            self._answers.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _answer(self, name: str, timeout: float | None = None) -> int:
        self._answers.settimeout(timeout)
        try:
            answer = self._answers.recv(100)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired("exporter", timeout or 0) from None
        assert answer, "the fork server has ended"
        number: int = json.loads(answer)[name]
        return number


def _stream(stream: int) -> tuple[IO[str] | None, int]:
    """Return what to read from if the stream is a pipe, and the descriptor to write to."""
    if stream != subprocess.PIPE:
        return None, stream
    reader, writer = os.pipe()
    return os.fdopen(reader, encoding="utf-8"), writer


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Return a server that runs until this process ends, and the socket for requests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "harness.fork_server", str(theirs.fileno())],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return server, ours
