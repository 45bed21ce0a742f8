"""Request heads that are too large: one response, however their bytes arrive."""

import socket
import ssl
import time
from collections.abc import Iterator
from itertools import pairwise

import h11
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator.simulation import SimulatedAccount
from exporter.web import connections
from exporter.web.http_parser import HEAD_TOO_LARGE, MAX_HEAD_LINES, MAX_HEADER_BYTES, SLICE, Parser
from tests.support.authority import TLS, Authority, exporter
from tests.support.running import Running, running
from tests.support.sockets import is_closed_by_server

HOST = b"Host: a\r\n"
OVER = MAX_HEADER_BYTES + 1


def padded(before: bytes, after: bytes, size: int) -> bytes:
    """Return a head of `size` bytes, with x between its two parts."""
    return before + b"x" * (size - len(before) - len(after)) + after


def heads(size: int) -> dict[str, bytes]:
    """Heads of `size` bytes."""
    end = b" HTTP/1.1\r\n" + HOST + b"\r\n"
    get = b"GET /-/healthy HTTP/1.1\r\n" + HOST
    return {
        "path": padded(b"GET /", end, size),
        "query": padded(b"GET /-/healthy?", end, size),
        "method": padded(b"G", b" /" + end, size),
        "header": padded(get + b"X: ", b"\r\n\r\n", size),
        "name of a header": padded(get + b"X", b": 1\r\n\r\n", size),
        "headers": padded(
            get + b"".join(b"X: %d\r\n" % n * 10 for n in range(20)) + b"Y: ", b"\r\n\r\n", size
        ),
        "bare line feeds": padded(get.replace(b"\r", b"") + b"X: ", b"\n\n", size),
        "spaces": (get + b"X:").ljust(size - 5) + b"1\r\n\r\n",
    }


LINES = b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * MAX_HEAD_LINES + b"\r\n"
TOO_LARGE = heads(OVER) | {
    "twice": heads(2 * MAX_HEADER_BYTES)["query"],
    "many times": heads(20 * MAX_HEADER_BYTES)["header"],
    "no end": heads(OVER)["header"][:-1] + b"x",
    "no line break": b"G" * OVER,
    "too many lines": LINES,
    "many more lines": LINES[:-2] + b"a:b\r\n" * 50_000 + b"\r\n",
    "too many lines in too many bytes": LINES[:-2] + b"X: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
    "with a body": heads(OVER)["query"].replace(b"GET", b"POST")[:-2] + b"Content-Length: 5\r\n\r\nhello",
    "broken": heads(OVER)["query"].replace(b"Host", b"Ho st"),
}
CUTS = {
    "whole": [],
    "first byte": [1],
    "slice": [SLICE],
    "after a slice": [SLICE + 1],
    "half": [MAX_HEADER_BYTES // 2],
    "before the limit": [MAX_HEADER_BYTES - 1],
    "limit": [MAX_HEADER_BYTES],
    "both sides of the limit": [MAX_HEADER_BYTES - 1, MAX_HEADER_BYTES],
    "end": [-1],
    "before the end": [-4],
    "packets": list(range(1448, OVER, 1448)),
}


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    ends = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return (data[start:end] for start, end in pairwise(ends))


def response(client: socket.socket, data: bytes, cuts: list[int]) -> bytes:
    """Send a request in pieces, all of it, and return everything that the server sends until it closes."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces(data, cuts):
        client.sendall(piece)
    received = b""
    while more := client.recv(2**16):
        received += more
    return received


def connected(instance: Running) -> socket.socket:
    host, port = instance.url.partition("://")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=20)


@pytest.fixture(scope="module")
def instance() -> Iterator[Running]:
    with running(SimulatedAccount(users=6, calls_per_hour=0, start=time.time())) as instance:
        yield instance


def is_refused(received: bytes, status: bytes = b"431 Request Header Fields Too Large") -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n"), received[:200]
    assert b"connection: close" in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    return status[:3] == b"400" or body.decode() == HEAD_TOO_LARGE


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("head", TOO_LARGE.values(), ids=TOO_LARGE)
def test_head_that_is_too_large_is_answered_with_431_and_closed(
    instance: Running, head: bytes, cuts: list[int]
) -> None:
    with connected(instance) as client:
        assert is_refused(response(client, head, cuts))


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_large_next_head_on_a_connection_is_answered_with_431(instance: Running, cuts: list[int]) -> None:
    first = b"GET /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n"
    with connected(instance) as client:
        received = response(client, first + heads(OVER)["query"], cuts)
    healthy, _, refused = received.rpartition(b"HTTP/1.1 ")
    assert healthy.startswith(b"HTTP/1.1 200")
    assert is_refused(b"HTTP/1.1 " + refused)


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("name", heads(MAX_HEADER_BYTES))
def test_head_of_the_largest_size_is_accepted(instance: Running, name: str, cuts: list[int]) -> None:
    with connected(instance) as client:
        for piece in pieces(heads(MAX_HEADER_BYTES)[name], cuts):
            client.sendall(piece)
        assert client.recv(1000)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 404", b"HTTP/1.1 405")


MALFORMED = {
    "no HTTP": b"nonsense\r\n\r\n",
    "TLS": b"\x16\x03\x01" + b"x" * 2 * MAX_HEADER_BYTES,
    "line break first": b"\n" + heads(OVER)["query"],
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "name of a header": b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
    "then much more": b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n" + b"x" * 2**20,
}


@pytest.mark.parametrize("cuts", [[], [1], [-1], [SLICE]], ids=str)
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_head_is_answered_with_400_and_closed(
    instance: Running, data: bytes, cuts: list[int]
) -> None:
    with connected(instance) as client:
        assert is_refused(response(client, data, cuts), b"400 Bad Request")


def test_large_head_over_tls_is_answered_with_431(authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.directory / "ca.pem"))
    with (
        exporter(authority, {"tls_server_config": TLS}) as instance,
        connected(instance) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(TOO_LARGE["many times"])
        assert client.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_refused_client_that_never_stops_sending_is_disconnected(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
    with structlog.testing.capture_logs() as logs, connected(instance) as client:
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(b"x" * 2**16)
        assert is_closed_by_server(client)
    assert not [line for line in logs if line["log_level"] == "error"]


@given(st.sampled_from(list(TOO_LARGE)), st.lists(st.integers(1, OVER), max_size=8))
def test_parser_refuses_a_large_head_for_every_arrival(name: str, cuts: list[int]) -> None:
    parser = Parser(MAX_HEADER_BYTES)
    with pytest.raises(h11.RemoteProtocolError):
        for piece in pieces(TOO_LARGE[name], cuts):
            for start in range(0, len(piece), SLICE):
                parser.receive_data(piece[start : start + SLICE])
                while parser.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                    pass
    assert parser.head_too_large
