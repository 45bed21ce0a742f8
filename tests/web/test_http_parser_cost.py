"""Requests of many small parts, each of which costs time before the client is authenticated."""

import random
import socket
from itertools import pairwise

import h11
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.http_parser import MAX_HEAD_LINES, MAX_HEADER_BYTES, MAX_PIECES, SLICE, Parser
from harness.process import process
from tests.support.authority import Authority, exporter
from tests.support.sockets import is_closed_by_server, response_in_pieces

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE = {
    "headers": GET + b"a:b\r\n" * 25_000 + b"\r\n",
    "headers with bare line feeds": GET + b"a:b\n" * 25_000 + b"\n",
    "headers of the next request": GET + b"\r\n" + GET + b"a:b\r\n" * 25_000 + b"\r\n",
    "chunks of one byte": CHUNKED + b"1\r\nx\r\n" * 20_000,
    "chunks of a few bytes": CHUNKED + b"10\r\nxxxxxxxxxxxxxxxx\r\n" * 6_000,
    "headers behind the last chunk": CHUNKED + b"0\r\n" + b"a:b\r\n" * 25_000 + b"\r\n",
    "headers behind a chunk": CHUNKED + b"1\r\nx\r\n0\r\n" + b"a:b\r\n" * 25_000 + b"\r\n",
    "extension of a chunk": CHUNKED + b"1;" + b"e" * 100_000 + b"\r\nx\r\n0\r\n\r\n",
}


def parsed(parser: h11.Connection, data: bytes, cuts: list[int]) -> tuple[list[object], int]:
    """Answer every request in `data`, which arrives in parts. Returns what it contains, and the events."""
    found: list[object] = []
    events = 0
    ends = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(ends):
        if start == end:
            continue
        parser.receive_data(data[start:end])
        while True:
            if parser.our_state is parser.their_state is h11.DONE:
                parser.start_next_cycle()
            event = parser.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
            events += 1
            if isinstance(event, h11.Data):
                found[-1] += bytes(event.data)  # type: ignore[operator]
            elif isinstance(event, h11.Request):
                found += [event.target, event.headers.raw_items(), b""]
            elif isinstance(event, h11.EndOfMessage):
                parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                parser.send(h11.EndOfMessage())
    return found, events


def slices(data: bytes) -> list[int]:
    return list(range(SLICE, len(data), SLICE))


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_request_of_too_many_parts_is_refused_early(data: bytes) -> None:
    parser = Parser(MAX_HEADER_BYTES)
    with pytest.raises(h11.RemoteProtocolError, match="too m"):
        parsed(parser, data, slices(data))
    assert parser.pieces <= MAX_PIECES + 20


@pytest.mark.parametrize("size", [1, 100, 2**17])
@pytest.mark.parametrize("chunk", [500, 1000, 4096, 2**17])
def test_body_in_pieces_of_usual_size_is_accepted(size: int, chunk: int) -> None:
    body = random.Random(size).randbytes(size)
    chunks = [body[at : at + chunk] for at in range(0, size, chunk)]
    data = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + b"0\r\nA: b\r\n\r\n"
    assert parsed(Parser(MAX_HEADER_BYTES), data, slices(data))[0][-1] == body
    whole = POST + b"Content-Length: %d\r\n\r\n" % size + body
    arrival = list(range(200, len(whole), min(chunk, 1400)))
    assert parsed(Parser(MAX_HEADER_BYTES), whole, arrival)[0][-1] == body


REQUESTS = st.lists(
    st.builds(
        lambda lines, body: (
            POST + b"x: y\r\n" * lines + b"Content-Length: %d\r\n\r\n" % len(body) + body
            if body
            else GET + b"x: y\r\n" * lines + b"\r\n"
        ),
        st.integers(0, MAX_HEAD_LINES - 4),
        st.binary(max_size=300) | st.just(b"\n" * 4000) | st.just(b"\r\n\r\n" * 1000),
    ),
    min_size=1,
    max_size=3,
)


@given(REQUESTS, st.lists(st.integers(0, 6000), max_size=5))
def test_usual_requests_are_parsed_as_h11_does(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    cuts = [cut % (len(data) + 1) for cut in cuts]
    assert parsed(Parser(MAX_HEADER_BYTES), data, cuts) == parsed(
        h11.Connection(h11.SERVER, 2**20), data, cuts
    )


def test_head_that_ends_in_two_parts_does_not_count_the_lines_of_the_body() -> None:
    head, body = POST + b"Content-Length: 3000\r\n", b"\n" * 3000
    for at in range(len(head) - 4, len(head) + 4):
        data = head + b"\r\n" + body
        assert parsed(Parser(MAX_HEADER_BYTES), data, [at])[0][-1] == body


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_request_of_too_many_parts_is_answered_with_4xx(authority: Authority, data: bytes) -> None:
    with exporter(authority, {}) as instance, structlog.testing.capture_logs() as logs:
        answer = response_in_pieces(instance, data, 1)
        first = b"200" if data.count(b"GET") == 2 else b"400" if b"POST" in data else b"431"
        assert answer[9:12] == first
    assert not [line for line in logs if line["log_level"] == "error"]


def test_body_that_breaks_off_after_the_answer_logs_nothing() -> None:
    with process("demo", "--users=6") as demo:
        host, port = demo.url.removeprefix("http://").split(":")
        for rest in (b"zz\r\n", b"1\r\nxyz", b"\0\r\n", b"1\r\nx\r\n" * 2000):
            with socket.create_connection((host, int(port)), timeout=10) as client:
                client.sendall(CHUNKED.replace(b"/", b"/nowhere", 1))
                assert client.recv(1000).startswith(b"HTTP/1.1 404")
                client.sendall(rest)
                assert is_closed_by_server(client)
        assert not [line for line in demo.lines if "level=error" in line]
