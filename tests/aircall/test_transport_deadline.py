"""Every request has a total deadline, whatever it waits for, and whatever goes wrong is an ApiError."""

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import client as client_module
from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import ApiError
from harness.raw_server import Serve, dripping, raw_server, silence

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SECONDS = 0.25


def failure(url: str, within: float = 10) -> ApiError:
    """Return how a request fails; a request that hangs fails the test after `within` seconds."""
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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
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
    "a body up to the end of the connection": dripping(HEAD + b"\r\n", b" ", 1000),
    "a body up to the end, empty": dripping(HEAD + b"\r\n", b"", 1000),
    "chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 1000),
    "an endless chunk size": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 1000),
    "endless trailers": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 1000),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("serve", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_request_never_answered_to_the_end_is_a_timeout(serve: Serve) -> None:
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


@pytest.mark.usefixtures("impatient")
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


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("serve", CONNECT_ANSWERS.values(), ids=CONNECT_ANSWERS)
def test_request_through_a_proxy_that_hangs_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    with raw_server(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://someone:the-token@"))
        error = failure("https://aircall.invalid")
    assert error.code == "timeout"
    assert f"127.0.0.1:{proxy.port}" in str(error)


@pytest.mark.usefixtures("impatient")
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


@pytest.mark.usefixtures("impatient")
def test_request_to_many_dead_addresses_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    queued = [socket.socket() for _ in range(4)]
    try:
        for each in queued:  # fill the queue, so that further connections are not answered
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [address] * 1000)
        error = failure(f"http://127.0.0.1:{full.getsockname()[1]}")
        assert (error.code, "no connection to 127.0.0.1" in str(error)) == ("timeout", True)
    finally:
        for each in (*queued, full):
            each.close()


UNFORESEEN = (
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


@pytest.mark.parametrize("unforeseen", UNFORESEEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["_fetch", "decode"])
def test_request_with_any_exception_is_an_api_error(
    monkeypatch: pytest.MonkeyPatch, unforeseen: Exception, place: str
) -> None:
    def fail(*_: Any) -> Any:
        raise unforeseen

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
