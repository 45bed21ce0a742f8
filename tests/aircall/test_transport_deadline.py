"""Tests of the deadline of a request, whatever it waits for. Each failure is an ApiError."""

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.aircall import client as client_module
from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.connecting import AddressOrder
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import ApiError
from harness.raw_server import Serve, answering, dripping, raw_server, silence, socks4, socks5

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SECONDS = 0.25
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"teams": []}'
CREATE = Request("/v1/webhooks", lambda body: body, method="POST", content=b"{}")
"""A request that always uses a new connection."""


def new_client(url: str) -> Client:
    return Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))


def failure(url: str, within: float = 10) -> ApiError:
    """Return the error of a request. The test fails if there is none after `within` seconds."""
    registry = CollectorRegistry()
    client = Client(url, "the-id", "the-token", ClientMetrics(registry))

    def send() -> ApiError:
        with pytest.raises(ApiError) as failed:
            client.send(endpoints.teams())
        return failed.value

    pool = ThreadPoolExecutor(1)
    try:
        error = pool.submit(send).result(within)
    finally:
        client.close()
        pool.shutdown(wait=False)
    labels = {"endpoint": "/v1/teams", "code": error.code}
    assert registry.get_sample_value("aircall_api_requests_total", labels) == 1
    assert "the-token" not in str(error)
    return error


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", SECONDS)


NEVER_ENDING: dict[str, Serve] = {
    "no answer": silence,
    "a status line byte by byte": dripping(b"HTTP/1.1 200 " + b"O" * 10_000, b""),
    "headers byte by byte": dripping(HEAD + b"X: " + b"y" * 10_000, b""),
    "endless headers": dripping(HEAD, b"X: y\r\n", 1000),
    "an endless header line": dripping(HEAD + b"X: ", b"y", 1000),
    "endless 100 Continue": dripping(CONTINUE, CONTINUE, 1000),
    "endless 100 Continue with headers": dripping(CONTINUE, CONTINUE[:-2] + b"X: y\r\n\r\n", 1000),
    "100 Continue byte by byte": dripping(CONTINUE * 1000, b""),
    "a body with a length": dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 1000),
    "the begin of a body": dripping(HEAD + b"Content-Length: 100\r\n\r\n{", b"", 1000),
    "a body up to the end of the connection": dripping(HEAD + b"\r\n", b" ", 1000),
    "a body up to the end, empty": dripping(HEAD + b"\r\n", b"", 1000),
    "chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 1000),
    "an endless chunk size": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 1000),
    "endless trailers": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 1000),
}


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("serve", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_request_never_answered_completely_is_a_timeout(serve: Serve) -> None:
    with raw_server(serve) as server:
        error = failure(server.url)
    assert error.code == "timeout"
    assert f"127.0.0.1:{server.port}" in str(error)


def test_request_flooded_with_100_continue_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", SECONDS)

    def serve(connection: socket.socket, done: threading.Event) -> None:
        while not done.is_set():
            connection.sendall(CONTINUE * 1000)

    with raw_server(serve) as server:
        assert failure(server.url).code == "timeout"


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize(
    "serve",
    [silence, dripping(b"\x16\x03\x03\x40\x00" + b"\x02" * 10_000, b"")],
    ids=["silent", "byte by byte"],
)
def test_request_with_an_endless_tls_handshake_is_a_timeout(serve: Serve) -> None:
    with raw_server(serve) as server:
        assert failure(server.url.replace("http://", "https://")).code == "timeout"


CONNECT_ANSWERS: dict[str, Serve] = {
    "no answer": silence,
    "byte by byte": dripping(b"HTTP/1.1 200 " + b"O" * 10_000, b""),
    "endless headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 1000),
    "no tls behind it": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"", 1000),
}


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("serve", CONNECT_ANSWERS.values(), ids=CONNECT_ANSWERS)
def test_request_through_a_proxy_that_hangs_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    with raw_server(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://proxy-user:the-token@"))
        error = failure("https://aircall.invalid")
    assert error.code == "timeout"
    assert f"127.0.0.1:{proxy.port}" in str(error)


SOCKS_ANSWERS: dict[str, Serve] = {
    "no answer": silence,
    "byte by byte": dripping(b"\x05\x00\x05\x00\x00\x03\xff" + b"y" * 257, b""),
    "no answer behind it": socks5(silence),
    "endless 100 Continue behind it": socks5(dripping(CONTINUE, CONTINUE, 1000)),
    "an endless body behind it": socks5(dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 1000)),
}


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("serve", SOCKS_ANSWERS.values(), ids=SOCKS_ANSWERS)
def test_request_through_a_socks_proxy_that_hangs_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr("harness.raw_server.PAUSE", SECONDS / 2)  # a negotiation takes half a minute
    with raw_server(serve) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("http://", "socks5h://proxy-user:the-token@"))
        error = failure("http://aircall.invalid")
    assert error.code == "timeout"
    assert f"127.0.0.1:{proxy.port}" in str(error)


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("version", ["socks4", "socks5"])
def test_request_through_a_socks_proxy_whose_name_lookup_hangs_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answered.wait(30) and [])
    monkeypatch.setattr(socket, "gethostbyname", lambda *_: answered.wait(30) and "")
    monkeypatch.setenv("ALL_PROXY", f"{version}://127.0.0.1:9")
    try:
        error = failure(f"https://hangs-{version}.invalid")
    finally:
        answered.set()
    assert str(error) == f"/v1/teams: no connection to hangs-{version}.invalid:443 in time"


@pytest.mark.usefixtures("short_timeout")
def test_request_whose_name_lookup_hangs_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, lookups = threading.Event(), []

    def hang(*arguments: Any) -> Any:
        lookups.append(arguments)
        answered.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        for _ in range(3):
            error = failure("https://aircall.invalid")
            assert (error.code, str(error)) == (
                "timeout",
                "/v1/teams: no connection to aircall.invalid:443 in time",
            )
        assert len(lookups) == 1  # further requests join the lookup that still runs
    finally:
        answered.set()


@pytest.fixture
def full_port() -> Iterator[int]:
    """Return a port on which no address of this machine accepts a connection, because the queue is full."""
    full = socket.create_server(("0.0.0.0", 0), backlog=0)
    queued = [socket.socket() for _ in range(4)]
    port = int(full.getsockname()[1])
    for each in queued:
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
    yield port
    for each in (*queued, full):
        each.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Resolve all names to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)


@pytest.mark.usefixtures("short_timeout")
def test_request_to_many_dead_addresses_is_a_timeout(monkeypatch: pytest.MonkeyPatch, full_port: int) -> None:
    resolve_to(monkeypatch, *((f"127.0.{i // 250}.{i % 250 + 1}", full_port) for i in range(1000)))
    error = failure(f"http://127.0.0.1:{full_port}")
    assert (error.code, "no connection to 127.0.0.1" in str(error)) == ("timeout", True)


@pytest.mark.parametrize(
    ("dead", "via"), [(2, ""), (5, ""), (3, "http"), (3, "socks4"), (3, "socks5"), (3, "socks5h")]
)
def test_request_only_the_last_address_works_is_answered_and_the_next_begins_there(
    monkeypatch: pytest.MonkeyPatch, full_port: int, dead: int, via: str
) -> None:
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", 1.0)
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT_S", 0.5)
    if via:
        monkeypatch.setenv("ALL_PROXY", f"{via}://proxy.invalid:1")
    serve = answering(ANSWER)
    serve = {"socks4": socks4(serve), "socks5": socks5(serve), "socks5h": socks5(serve)}.get(via, serve)
    client = new_client(f"http://{dead}-dead{via}.invalid")
    with raw_server(serve) as server, raw_server(serve) as other, closing(client):
        last = "127.0.0.1", server.port
        resolve_to(monkeypatch, *((f"127.0.0.{i + 1}", full_port) for i in range(dead)), last)
        client.send(endpoints.teams())
        resolve_to(monkeypatch, ("127.0.0.1", other.port), last)
        client.send(CREATE)
        assert (server.connections, other.connections) == (2, 0)


def test_request_address_never_answers_tries_another_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", SECONDS)
    with (
        raw_server(silence) as silent,
        raw_server(silence) as other,
        raw_server(answering(ANSWER)) as server,
        closing(new_client("http://some-silent.invalid")) as client,
    ):
        resolve_to(monkeypatch, *(("127.0.0.1", each.port) for each in (silent, other, server)))
        for _ in range(2):
            with pytest.raises(ApiError):
                client.send(endpoints.teams())
        for _ in range(3):
            client.send(CREATE)
        assert (silent.connections, other.connections, server.connections) == (1, 1, 3)


@given(
    addresses=st.lists(st.integers(0, 9), max_size=8),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 9))),
)
def test_address_order_after_any_steps_has_answered_first_and_failed_last(
    addresses: list[int], steps: list[tuple[bool, int]]
) -> None:
    order, states = AddressOrder(), dict[int, tuple[bool, int]]()
    for at, (answered, address) in enumerate(steps):
        (order.answered if answered else order.tried)("host", address)
        states[address] = answered, at
    found = order.sorted("host", addresses)
    assert set(found) == set(addresses)
    assert len(found) == len(set(addresses))
    worked = sorted((each for each in found if states.get(each, (0, 0))[0]), key=lambda i: -states[i][1])
    failed = sorted((i for i in found if i in states and not states[i][0]), key=lambda i: states[i][1])
    new = [each for each in dict.fromkeys(addresses) if each not in states]
    assert found == worked + new + failed


UNEXPECTED = (
    OSError("Could not find something"),
    ValueError("https://the-id:the-token@api.aircall.io/?x=the-token"),
    UnicodeEncodeError("idna", "the-token", 0, 1, "label too long"),
    http.client.HTTPException("the-token"),
    http.client.LineTooLong("the-token"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    RuntimeError("can't start new thread"),
    KeyError("the-token"),
    AssertionError(),
)


@pytest.mark.parametrize("unexpected", UNEXPECTED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["_fetch", "decode"])
def test_request_with_any_exception_is_an_api_error(
    monkeypatch: pytest.MonkeyPatch, unexpected: Exception, place: str
) -> None:
    def fail(*_: Any) -> Any:
        raise unexpected

    if place == "_fetch":
        monkeypatch.setattr(Client, "_fetch", fail)
        assert failure("https://api.aircall.io").code == "connection"
        return
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with raw_server(dripping(answer, b"", 1000)) as server:
        client = Client(server.url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
        with pytest.raises(ApiError) as failed:
            client.send(replace(endpoints.teams(), decode=fail))
        client.close()
    assert (failed.value.code, "the-token" in str(failed.value)) == ("invalid", False)
