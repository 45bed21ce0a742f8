"""A server in the place of Aircall."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest


@pytest.fixture
def serve_response() -> Iterator[Callable[[bytes], tuple[str, list[bytes]]]]:
    """Return a function that starts a server with one response. It returns the address and the requests."""
    with closing(_Servers()) as servers:
        yield servers.start


class _Servers:
    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []

    def start(self, response: bytes) -> tuple[str, list[bytes]]:
        listener = socket.create_server(("127.0.0.1", 0))
        requests: list[bytes] = []
        self._listeners.append(listener)
        threading.Thread(target=self._serve, args=(listener, response, requests), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", requests

    def _serve(self, listener: socket.socket, response: bytes, requests: list[bytes]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection:
                try:
                    requests.append(connection.recv(2**16))
                    connection.sendall(response)
                except OSError:  # the client has disconnected
                    continue

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
