"""Hostile responses from Aircall or a server in its place: bombs, huge numbers, links to other hosts."""

import gzip
import json
import resource
import zlib
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.client import MAX_RESPONSE_BYTES, Client, ClientMetrics
from exporter.aircall.decoding import InvalidResponseError, decode_page
from exporter.aircall.endpoints import Response, paginate
from exporter.aircall.errors import ApiError
from exporter.aircall.models import Call, Team

Answering = Callable[[bytes], tuple[str, list[bytes]]]

GIB = 2**30


def zipped(size: int, wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()


def teams(url: str) -> ApiError:
    """Return the result of a request to that address."""
    client = Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
    with pytest.raises(ApiError) as failed:
        client.send(endpoints.teams())
    client.close()
    return failed.value


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", zipped(GIB, 31)),
        ("deflate", zipped(GIB, 15)),
        ("gzip, gzip", gzip.compress(zipped(GIB, 31))),
    ],
    ids=["gzip", "deflate", "gzip-in-gzip"],
)
def test_a_bomb_of_zeros_is_not_unpacked(answering: Answering, coding: str, bomb: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(bomb)}\r\n\r\n"
    url, _ = answering(head.encode() + bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(teams(url)) == f"/v1/teams: the answer is larger than {MAX_RESPONSE_BYTES} bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB, of a million


def test_no_coding_is_unpacked_hundreds_of_times(answering: Answering) -> None:
    coding = ", ".join(["gzip"] * 300)
    url, _ = answering(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 1\r\n\r\nx".encode()
    )
    assert "x" * 1000 not in str(teams(url))


def test_endless_headers_are_not_read_to_their_end(answering: Answering) -> None:
    url, _ = answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10**6)
    assert teams(url).code == "connection"
    url, _ = answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**7)
    assert teams(url).code == "connection"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["{other}/v1/teams", "//{host}/v1/teams", "http://the-id:the-token@{host}/"]
)
def test_no_redirect_takes_the_credential_elsewhere(answering: Answering, status: int, target: str) -> None:
    other, asked_there = answering(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"teams":[]}')
    location = target.format(other=other, host=other.removeprefix("http://"))
    url, asked = answering(
        f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    error = teams(url)
    assert "a redirect to 127.0.0.1 that is not followed" in str(error)
    assert "the-token" not in str(error)
    assert (len(asked), asked_there) == (1, [])


@pytest.mark.parametrize(
    "location", ["http://[", "", "http://\xff/", "::", "http://a\x1b[31mb/", f"http://{'a' * 10_000}/"]
)
def test_a_redirect_to_nowhere_is_an_error_like_any(answering: Answering, location: str) -> None:
    head = f"HTTP/1.1 302 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    url, _ = answering(head.encode("latin-1"))
    error = teams(url)
    assert error.code == "302"
    assert str(error).isprintable()
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data?page=2",
        "file:///etc/passwd?page=2",
        "//evil.example/v1/teams?page=2",
        "https://api.aircall.io@evil.example/?page=2",
        "gopher://evil.example/?page=2",
        "?page=2",
        "/v1/ping?page=2#x",
        "\\\\evil.example\\?page=2",
        "http://[?page=2",
        "https://a]b/?page=2",
        "http://\uff0f.com/?page=2",
    ],
)
def test_of_a_link_to_the_next_page_only_the_query_is_taken(link: str) -> None:
    asking = paginate(endpoints.teams(), lambda page, at: None)
    first = next(asking)
    page = decode_page(json.dumps({"teams": [], "meta": {"next_page_link": link}}).encode(), "teams", Team)
    second = asking.send(Response(page, 0.0))
    assert (second.path, second.query) == (first.path, (*first.query, ("page", "2")))


def test_a_link_that_loses_the_bounds_leads_no_further_than_they_do() -> None:
    """The tutorial's sample has none in its link."""
    asking = paginate(endpoints.calls(1000, 2000), lambda page, at: None)
    first = next(asking)
    link = "https://api.aircall.io/v1/calls?order=asc&page=2&per_page=20&from=&to="
    page = decode_page(json.dumps({"calls": [], "meta": {"next_page_link": link}}).encode(), "calls", Call)
    assert asking.send(Response(page, 0.0)).query == (*first.query, ("page", "2"))


def test_a_query_that_breaks_lines_stays_in_its_line(answering: Answering) -> None:
    url, asked = answering(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"teams":[]}')
    asking = paginate(endpoints.teams(), lambda page, at: None)
    next(asking)
    link = f"{url}/?page=2%0d%0aX-Injected:%20yes&a=%20HTTP/1.1"
    page = decode_page(json.dumps({"teams": [], "meta": {"next_page_link": link}}).encode(), "teams", Team)
    second = asking.send(Response(page, 0.0))
    client = Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
    client.send(second)
    (sent,) = asked
    assert b"X-Injected: yes" not in sent
    assert sent.count(b"HTTP/1.1\r\n") == 1


CALL = {"id": 1, "direction": "inbound", "status": "initial", "started_at": 1_780_000_000}


@pytest.mark.parametrize(
    "bad",
    [
        f'{{"id": {"9" * 10**6}}}',
        f'{{"id": 1e{"9" * 10**5}}}',
        f'{{"id": 2, "started_at": {"9" * 5000}, "direction": "inbound", "status": "done"}}',
        f'{{"id": 2, "started_at": -{"9" * 5000}, "direction": "inbound", "status": "done"}}',
        f'{{"id": 2, "name": "\\ud800", "started_at": {"9" * 5000}}}',
        '{"id": 2, "started_at": 1e400, "direction": "inbound", "status": "done"}',
        f'{{"id": 2, "x": {"[" * 500}{"]" * 500}}}',
    ],
    ids=range(7),
)
def test_a_huge_number_costs_its_own_object(bad: str) -> None:
    body = f'{{"calls": [{json.dumps(CALL)}, {bad}, {json.dumps(CALL | {"id": 3})}]}}'
    page = decode_calls(body.encode())
    assert [read.call.id for read in page.items] == [1, 3]
    assert page.malformed == 1


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_an_answer_nested_beyond_reason_is_none(opening: str) -> None:
    for body in (opening * 10**6, f'{{"calls": [{opening * 10**6}', f'{{"calls": [], "a": {opening * 10**6}'):
        with pytest.raises(InvalidResponseError):
            decode_calls(body.encode())
