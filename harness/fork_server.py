"""Fork exporters from a process that has imported them, because imports take most of the time of a start.

`harness.forked` runs this module and is its only client. A request is a message on the server's socket: the
arguments, the environment and the working directory, with four descriptors, which are the standard streams
and a socket that receives the process id and later the exit code. The server ends when its client ends.
"""

import gc
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module

import exporter.__main__
from harness.process import receive_signals

IMPORTED = (
    "exporter.cli.main",
    "anyio.streams.tls",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
)
"""What commands import, some of it only when they use it."""

LARGEST_REQUEST = 1 << 17
"""Bytes, of which the environment takes most."""


def main() -> int:
    """Serve requests. Returns the exit code of the server, or of an exporter in its own process."""
    for number in (signal.SIGINT, signal.SIGCHLD):  # Ctrl-C is for the tests; no process waits for watchers
        signal.signal(number, signal.SIG_IGN)
    for module in IMPORTED:
        import_module(module)
    gc.freeze()  # what is imported need not be walked, and so copied, by each exporter
    requests = socket.socket(fileno=int(sys.argv[1]))
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 4)
        if not request:
            return 0
        if os.fork() == 0:
            requests.close()
            *streams, answers = descriptors
            with socket.socket(fileno=answers) as client:
                _fork(client, streams)
                _prepare(request, streams)
                client.send(b'{"pid": %d}' % os.getpid())
            return exporter.__main__.main()
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(client: socket.socket, streams: list[int]) -> None:
    """Fork an exporter, in which this returns. Its parent waits for its end and reports the exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        with suppress(OSError):  # the client has ended
            client.send(b'{"code": %d}' % os.waitstatus_to_exitcode(status))
        os._exit(0)


def _prepare(request: bytes, streams: list[int]) -> None:
    """Become what an interpreter is that has just been started with these arguments and streams."""
    arguments, environ, directory = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 (until it exits)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = [exporter.__main__.__file__, *arguments]
    receive_signals()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    sys.exit(main())
