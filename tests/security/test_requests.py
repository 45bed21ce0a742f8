"""Ways in by the request itself: smuggled requests, tricks with paths and hosts, bytes that are no HTTP."""

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
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run an exporter that does not know its account is simulated. Only its metrics are public."""
    directory = tmp_path_factory.mktemp("doors")
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    archive, web = Archive(sqlite_url(str(directory))), WebConfigReloader(with_password(directory))
    with running(account, archive=archive, web=web, api=True, public_metrics=True) as one:
        yield one


def answers(one: Running, sent: bytes) -> list[int]:
    """Return the statuses of the responses until the server closes the connection."""
    host, port = one.url.removeprefix("http://").split(":")
    said = b""
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
        client.sendall(sent)
        with suppress(ConnectionError):
            while more := client.recv(2**16):
                said += more
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


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
def test_no_request_is_smuggled_in_anothers_body(one: Running, framing: bytes) -> None:
    """What two servers could tell apart in two ways is refused, and nothing behind it is read."""
    sent = b"POST /metrics HTTP/1.1\r\nHost: a\r\n" + framing + SMUGGLED
    assert 200 not in answers(one, sent)


def test_what_is_framed_well_is_answered_one_by_one(one: Running) -> None:
    body = b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
    chunked = b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    assert answers(one, body + chunked + SMUGGLED) == [405, 405, 200]


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
def test_no_path_leads_around_the_password(one: Running, target: bytes) -> None:
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        sent = method + b" " + target + b" HTTP/1.1\r\n" + LAST + b"X-Original-URL: /metrics\r\n\r\n"
        assert answers(one, sent) in ([401], [400])


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND"])
def test_nothing_is_changed_without_a_password(one: Running, method: bytes) -> None:
    for target in (b"/-/refresh", b"/-/reload", b"/api/v1/calls", b"/"):
        override = b"X-HTTP-Method-Override: GET\r\n"
        sent = method + b" " + target + b" HTTP/1.1\r\n" + LAST + override + b"\r\n"
        assert answers(one, sent) == [401]
    assert answers(one, method + b" /metrics HTTP/1.1\r\n" + LAST + b"\r\n") == [405]


@pytest.mark.parametrize("target", [b"/metrics/", b"//evil.example/metrics/", b"/-/healthy/"])
def test_no_answer_leads_to_where_the_host_header_says(target: bytes) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with running(account) as open_one:
        sent = b"GET " + target + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert answers(open_one, sent) == [404]


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
def test_what_is_no_http_is_not_answered_well(
    one: Running, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert set(answers(one, sent + SMUGGLED)) <= {400, 401}
    assert answers(one, SMUGGLED) == [200]
    assert not [line for line in caplog.records if line.levelname == "ERROR"]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_the_protocol_stays_what_it_is(one: Running, upgrade: bytes) -> None:
    asked = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: "
    assert answers(
        one, b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n" + asked + upgrade + b"\r\n\r\n" + SMUGGLED
    ) == [200, 200]
