"""Connections of slow and greedy clients, over real sockets: they do not stop the scrape."""

import http.client
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import requests
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.app import MAX_BODY_BYTES, create_app
from exporter.web import connection_limiter, connections
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.connections import Connection
from exporter.web.listeners import bind
from exporter.web.problems import json_answer
from exporter.web.server import WebServer
from harness.process import process
from tests.support.authority import TLS, Authority, exporter, written
from tests.support.running import Running, eventually
from tests.support.sockets import SMALL, connected, is_answered, is_closed_by_server


@pytest.fixture
def instance(authority: Authority) -> Iterator[Running]:
    with exporter(authority, {}) as instance:
        yield instance


@pytest.mark.parametrize(
    "begun",
    ["", SMALL, "POST /-/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\nx"],
    ids=["no byte", "half a head", "half a body"],
)
def test_scrape_among_too_many_half_open_connections_is_answered(begun: str) -> None:
    """The exporter runs in another process, with its real limits and fewer files than there are clients."""
    with process("demo", "--users=6") as demo, ExitStack() as stack:
        host, port = demo.url.removeprefix("http://").split(":")
        limit = connection_limiter.MAX_CONNECTIONS
        resource.prlimit(demo.process.pid, resource.RLIMIT_NOFILE, (limit + 100,) * 2)
        for _ in range(limit + 200):
            half_open = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            half_open.sendall(begun.encode())
        for _ in range(5):
            assert requests.get(f"{demo.url}/metrics", timeout=10).status_code == 200


def test_connection_beyond_the_limit_closes_the_longest_idle_one(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 3)
    with ExitStack() as stack:
        first, second, third = (connected(instance, stack) for _ in range(3))
        for client in (second, first):
            assert is_answered(client)
        connected(instance, stack)
        assert is_closed_by_server(third)
        connected(instance, stack)
        assert is_closed_by_server(second)
        assert is_answered(first)


@pytest.mark.parametrize(
    "begun",
    ["", SMALL, "POST /-/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", f"{SMALL}\r\n{SMALL}"],
    ids=["no byte", "half a head", "no body", "half of the next head"],
)
def test_exchange_beyond_the_timeout_is_closed(
    instance: Running, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.3)
    with ExitStack() as stack:
        slow = connected(instance, stack)
        slow.sendall(begun.encode())
        assert is_closed_by_server(slow)


def test_handshake_beyond_the_timeout_is_closed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_TIMEOUT_S", 0.3)
    with exporter(authority, {"tls_server_config": TLS}) as guarded, ExitStack() as stack:
        silent = connected(guarded, stack)
        assert is_closed_by_server(silent)


def test_unfinished_handshakes_beyond_the_limit_are_closed(
    instance: Running, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They connect before the server begins to accept connections, so it accepts all of them at once."""
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(connections, "HANDSHAKE_TIMEOUT_S", 600.0)
    web = WebConfigReloader(written(authority.directory, {"tls_server_config": TLS}))
    server = WebServer(create_app(instance.service, None), [bind("127.0.0.1:0")], web)
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            for _ in range(20)
        ]
        stack.callback(server.stop)
        server.start()
        ca = str(authority.directory / "ca.pem")
        url = f"https://127.0.0.1:{server.port}/metrics"
        assert requests.get(url, verify=ca, timeout=10).status_code == 200
        assert all(map(is_closed_by_server, silent[:15]))


def test_client_that_reads_no_responses_is_disconnected(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNSENT_BYTES", 10_000)
    with ExitStack() as stack:
        closed, abort = threading.Event(), Connection.abort

        def abort_and_notify(self: Connection) -> None:
            abort(self)
            closed.set()

        monkeypatch.setattr(Connection, "abort", abort_and_notify)
        greedy = connected(instance, stack)
        greedy.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        assert closed.wait(20)
        assert is_closed_by_server(greedy)
        eventually(lambda: instance.scrape().value("aircall_up") == 1)


def test_response_that_is_cut_off_is_an_error_for_the_client(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNSENT_BYTES", 10_000)
    large = json_answer(b"x" * 30_000_000)
    pages = create_app(instance.service, None)
    pages.router.routes.append(Route("/large", lambda _: large))
    server = WebServer(pages, [bind("127.0.0.1:0")])
    server.start()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
            client.request("GET", "/large")
            response = client.getresponse()
            assert (response.status, response.length) == (200, 30_000_000)
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                response.read()
    finally:
        server.stop()


def test_body_beyond_the_limit_is_answered_with_413(instance: Running) -> None:
    async def length(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    pages = create_app(instance.service, None)
    pages.router.routes.append(Route("/length", length, methods=["POST"]))
    server = WebServer(pages, [bind("127.0.0.1:0")])
    server.start()
    try:
        url = f"http://127.0.0.1:{server.port}/length"
        assert requests.post(url, data=b"x" * MAX_BODY_BYTES, timeout=10).text == str(MAX_BODY_BYTES)
        for body in (b"x" * (MAX_BODY_BYTES + 1), iter([b"x" * 1000] * (MAX_BODY_BYTES // 1000 + 1))):
            assert requests.post(url, data=body, timeout=10).status_code == 413
    finally:
        server.stop()
