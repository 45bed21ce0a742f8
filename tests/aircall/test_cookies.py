"""Test that no cookie of a server is kept: many of them would make every later request too large."""

import socket
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from harness.raw_server import raw_server

BODY = b'{"teams": []}'
ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: a%d=b; Path=/\r\nContent-Length: %d\r\n\r\n%s"


def answering_with_cookies(received: list[bytes]) -> Callable[[socket.socket, threading.Event], None]:
    def serve(connection: socket.socket, _: threading.Event) -> None:
        while request := connection.recv(65536):
            received.append(request)
            connection.sendall(ANSWER % (len(received), len(BODY), BODY))

    return serve


def test_cookies_of_a_server_are_not_sent_back() -> None:
    received: list[bytes] = []
    with raw_server(answering_with_cookies(received)) as server:
        client = Client(server.url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
        for _ in range(3):
            client.send(endpoints.teams())
        client.close()
    assert len(received) == 3
    assert all(b"cookie" not in request.lower() for request in received)
