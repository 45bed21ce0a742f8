"""Clients that send a part of a request, or guess passwords, do not take the place of others."""

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from exporter.config.settings import Webhook
from exporter.web import connection_limiter
from tests.support.authority import HASH, USER, Authority, exporter
from tests.support.running import Running, eventually
from tests.support.sockets import SMALL, connected, is_answered, is_closed_by_server
from tests.support.web_configs import Checks

UNFINISHED = {
    "half-a-head": SMALL,
    "no-body": "POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
    "half-a-body": "POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{",
    "early-answer": "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{",
    "half-a-chunk": "POST /webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "half-of-the-next": f"{SMALL}\r\n{SMALL}",
}


@pytest.fixture
def instance(authority: Authority) -> Iterator[Running]:
    with exporter(authority, {}, webhook=Webhook(token="token")) as instance:
        yield instance


def read(client: socket.socket) -> bytes:
    """Return the next bytes of a response that is not complete yet."""
    received = client.recv(1000)
    assert received, "the server has closed the connection"
    return received


def begun(instance: Running, stack: ExitStack, request: str) -> socket.socket:
    """Connect, send a part of a request, and wait until a later request is answered."""
    client = connected(instance, stack)
    client.sendall(request.encode())
    if request == UNFINISHED["half-of-the-next"]:  # it is unfinished as soon as the first one is answered
        received = b""
        while not received.endswith(b"is healthy.\n"):
            received += read(client)
    with ExitStack() as later:
        assert is_answered(connected(instance, later))
    return client


@pytest.mark.parametrize("request_begun", UNFINISHED.values(), ids=UNFINISHED)
def test_unfinished_requests_are_closed_before_a_connection_without_a_request(
    instance: Running, monkeypatch: pytest.MonkeyPatch, request_begun: str
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 8)
    with ExitStack() as stack:
        slow = [begun(instance, stack, request_begun) for _ in range(6)]
        scraper = connected(instance, stack)
        slow += [begun(instance, stack, request_begun) for _ in range(10)]
        assert all(map(is_closed_by_server, slow[:9]))
        assert is_answered(scraper)


@pytest.mark.parametrize("request_begun", UNFINISHED.values(), ids=UNFINISHED)
def test_unfinished_requests_beyond_their_limit_are_closed_oldest_first(
    instance: Running, monkeypatch: pytest.MonkeyPatch, request_begun: str
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNFINISHED", 3)
    with ExitStack() as stack:
        waiting = connected(instance, stack)
        assert is_answered(waiting)
        slow = [begun(instance, stack, request_begun) for _ in range(5)]
        assert all(map(is_closed_by_server, slow[:2]))
        for client in slow[2:]:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                while client.recv(2**16):
                    pass
        assert is_answered(waiting)


def test_finished_request_is_not_counted_as_unfinished(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNFINISHED", 2)
    post = b"POST /-/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
    with ExitStack() as stack:
        clients = [connected(instance, stack) for _ in range(6)]
        for client in clients:
            client.sendall(post)
            client.sendall(b"body")
            received = b""
            while not received.endswith(b"again.\n"):
                received += read(client)
        assert all(map(is_answered, clients))


def test_body_that_arrives_after_the_answer_finishes_the_request(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNFINISHED", 2)
    with ExitStack() as stack:
        clients = [connected(instance, stack) for _ in range(6)]
        for client in clients:
            client.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            received = b""
            while not received.endswith(b"Not Found"):
                received += read(client)
            client.sendall(b"body")
            with ExitStack() as later:
                assert is_answered(connected(instance, later))
        assert all(map(is_answered, clients))


def test_guesses_that_wait_are_closed_before_a_connection_without_a_request(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 6)
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {USER[0]: HASH}}) as guarded, ExitStack() as stack:
        assert requests.get(f"{guarded.url}/-/healthy", auth=USER, timeout=5).status_code == 200
        checks.go_on.clear()
        stack.callback(checks.go_on.set)

        def head(password: str) -> bytes:
            credential = base64.b64encode(f"{USER[0]}:{password}".encode()).decode()
            return f"{SMALL}Authorization: Basic {credential}\r\n\r\n".encode()

        def guess(n: int) -> socket.socket:
            client = connected(guarded, stack)
            client.sendall(head(f"guess {n}"))
            return client

        guesses = [guess(n) for n in range(5)]
        eventually(checks.begun.is_set)
        scraper = connected(guarded, stack)
        guesses += [guess(n) for n in range(5, 12)]
        assert all(map(is_closed_by_server, guesses[:6]))
        scraper.sendall(head(USER[1]))
        assert scraper.recv(1000).startswith(b"HTTP/1.1 200")
