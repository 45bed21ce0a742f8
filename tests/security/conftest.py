import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], tuple[str, list[bytes]]]]:
    """Return a function that starts a server with one response. It returns the address and the requests."""
    with closing(_Servers()) as servers:
        yield servers.start


class _Servers:
    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []

    def start(self, answer: bytes) -> tuple[str, list[bytes]]:
        listener, asked = socket.create_server(("127.0.0.1", 0)), []
        self._listeners.append(listener)
        threading.Thread(target=self._serve, args=(listener, answer, asked), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", asked

    def _serve(self, listener: socket.socket, answer: bytes, asked: list[bytes]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection:
                try:
                    asked.append(connection.recv(2**16))
                    connection.sendall(answer)
                except OSError:  # had enough
                    continue

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
