"""Tests of the deadline of a request, whatever it waits for. Each failure is an ApiError."""

import http.client
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints, http_session
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import ApiError
from harness.raw_server import Serve, dripping, raw_server, silence, socks5
from tests.support.short_requests import SECONDS, failure

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", SECONDS)


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
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", SECONDS)

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
