"""Servers that answer byte by byte as a test wants it, below HTTP."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

Serve = Callable[[socket.socket, threading.Event], object]
"""Serves one connection; the event is set once nobody waits any more."""

PAUSE = 0.02
"""Seconds between two pieces of what drips."""


class RawServer:
    """Serves each connection in a thread of its own until it is closed."""

    def __init__(self, serve: Serve, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._serve, self._tls = serve, tls
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._done = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the base URL of the server."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop listening."""
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._serve(connection, self._done)


@contextmanager
def raw_server(serve: Serve, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server that handles each connection with `serve`."""
    server = RawServer(serve, port, tls)
    try:
        yield server
    finally:
        server.close()


def silence(connection: socket.socket, done: threading.Event) -> None:
    """Accept the connection, and do nothing more."""
    done.wait(30)


def dripping(first: bytes, again: bytes, pieces: int = 1) -> Serve:
    """Send `first` in pieces of `pieces` bytes, then `again` repeatedly, slowly."""

    def serve(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        for start in range(0, len(first), pieces):
            connection.sendall(first[start : start + pieces])
            if done.wait(PAUSE):
                return
        while again and not done.wait(PAUSE):
            connection.sendall(again)
        done.wait(30)

    return serve


def answering(answer: bytes) -> Serve:
    """Answer each request of a connection with the same bytes."""

    def serve(connection: socket.socket, done: threading.Event) -> None:
        with connection.makefile("rb") as received:
            while _request(received):
                connection.sendall(answer)

    return serve


def socks4(serve: Serve) -> Serve:
    """Accept any target as a SOCKS proxy of version 4, and serve the rest of the connection."""
    return _negotiating((b"\x00\x5a" + bytes(6),), serve)


def socks5(serve: Serve) -> Serve:
    """Accept any target as a SOCKS proxy without a password, and serve the rest of the connection."""
    return _negotiating((b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)), serve)


def _negotiating(answers: tuple[bytes, ...], serve: Serve) -> Serve:
    def negotiate(connection: socket.socket, done: threading.Event) -> None:
        for answer in answers:
            connection.recv(65536)
            connection.sendall(answer)
        serve(connection, done)

    return negotiate


def _request(received: BinaryIO) -> bool:
    """Read one request with its body. Return False if there is none."""
    length = 0
    while (line := received.readline()) not in (b"", b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return bool(line) and len(received.read(length)) == length
