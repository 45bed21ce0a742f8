"""The web server with hostile requests: smuggled requests, odd paths and hosts, bytes that are not HTTP."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.config_reloader import WebConfigReloader
from tests.support.authority import with_password
from tests.support.running import Running, running

LAST = b"Host: a\r\nConnection: close\r\n"
SMUGGLED = b"GET /-/healthy HTTP/1.1\r\n" + LAST + b"\r\n"


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run an exporter that does not know its account is simulated. Only its metrics are public."""
    directory = tmp_path_factory.mktemp("requests")
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    archive, web = Archive(sqlite_url(str(directory))), WebConfigReloader(with_password(directory))
    with running(account, archive=archive, web=web, api=True, public_metrics=True) as exporter:
        yield exporter


def statuses(exporter: Running, sent: bytes) -> list[int]:
    """Return the statuses of the responses until the server closes the connection."""
    host, port = exporter.url.removeprefix("http://").split(":")
    received = b""
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
        client.sendall(sent)
        with suppress(ConnectionError):
            while more := client.recv(2**16):
                received += more
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 38\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 0x0\r\n\r\n",
        b"Content-Length: 0, 37\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: y\0z\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0;a=b\n\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
    ],
)
def test_request_with_ambiguous_framing_is_rejected_with_all_behind_it(
    exporter: Running, framing: bytes
) -> None:
    """A request that two servers could separate from the next one in different ways is rejected."""
    sent = b"POST /metrics HTTP/1.1\r\nHost: a\r\n" + framing + SMUGGLED
    received = statuses(exporter, sent)
    assert received
    assert set(received) <= {400, 405}


def test_requests_with_valid_framing_are_answered_in_order(exporter: Running) -> None:
    body = b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
    chunked = b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    assert statuses(exporter, body + chunked + SMUGGLED) == [405, 405, 200]


@pytest.mark.parametrize(
    "target",
    [
        b"/api/v1/calls?from=1h",
        b"//api/v1/calls?from=1h",
        b"/./api/v1/calls?from=1h",
        b"/metrics/../api/v1/calls?from=1h",
        b"/metrics/%2e%2e/api/v1/calls?from=1h",
        b"/metrics%2f..%2fapi/v1/calls?from=1h",
        b"/metrics;/../api/v1/calls?from=1h",
        b"/metrics%00/../api/v1/calls",
        b"/metrics%3f/../api/v1/calls?from=1h",
        b"/metrics\\..\\api\\v1\\calls",
        b"/API/v1/calls?from=1h",
        b"/%61pi/v1/calls?from=1h",
        b"/api%2fv1%2fcalls?from=1h",
        b"http://a/api/v1/calls?from=1h",
        b"http://a/metrics/../api/v1/calls?from=1h",
        b"/api/v1/openapi.json",
        b"/api/v1/calls/1/recording",
        b"/..%c0%af..%c0%afetc/passwd",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/",
        b"*",
    ],
)
def test_request_for_any_spelling_of_a_path_requires_the_password(exporter: Running, target: bytes) -> None:
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        sent = method + b" " + target + b" HTTP/1.1\r\n" + LAST + b"X-Original-URL: /metrics\r\n\r\n"
        assert statuses(exporter, sent) in ([401], [400])


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND"])
def test_request_with_any_method_requires_the_password(exporter: Running, method: bytes) -> None:
    for target in (b"/-/refresh", b"/-/reload", b"/api/v1/calls", b"/"):
        override = b"X-HTTP-Method-Override: GET\r\n"
        sent = method + b" " + target + b" HTTP/1.1\r\n" + LAST + override + b"\r\n"
        assert statuses(exporter, sent) == [401]
    assert statuses(exporter, method + b" /metrics HTTP/1.1\r\n" + LAST + b"\r\n") == [405]


@pytest.mark.parametrize(
    "target", [b"/metrics/", b"//evil.example/metrics/", b"/-/healthy/", b"/api/v1/calls/"]
)
def test_path_with_a_trailing_slash_is_not_redirected_to_the_host_header(target: bytes) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with running(account, api=True) as unguarded:
        sent = b"GET " + target + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert statuses(unguarded, sent) == [404]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nX\xff: y\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
    ],
)
def test_request_that_is_not_http_is_rejected_and_logs_no_error(
    exporter: Running, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    received = statuses(exporter, sent + SMUGGLED)
    assert received
    assert set(received) <= {400, 401}
    assert statuses(exporter, SMUGGLED) == [200]
    assert not [line for line in caplog.records if line.levelname == "ERROR"]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_request_to_upgrade_is_answered_in_http_1(exporter: Running, upgrade: bytes) -> None:
    headers = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: "
    assert statuses(
        exporter, b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n" + headers + upgrade + b"\r\n\r\n" + SMUGGLED
    ) == [200, 200]
