"""The API client with hostile responses: huge bodies, huge numbers, links to other hosts."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.client import MAX_RESPONSE_BYTES, Client, ClientMetrics
from exporter.aircall.decoding import InvalidResponseError, decode_page
from exporter.aircall.endpoints import Response, paginate
from exporter.aircall.errors import ApiError
from exporter.aircall.models import Call, Team

ServeResponse = Callable[[bytes], tuple[str, list[bytes]]]

GIB = 2**30


@cache
def compressed_zeros(wbits: int) -> bytes:
    """Return a gibibyte of zeros, compressed by zlib, which takes seconds."""
    compressor = zlib.compressobj(9, wbits=wbits)
    return b"".join(compressor.compress(bytes(2**20)) for _ in range(GIB // 2**20)) + compressor.flush()


def request_error(url: str) -> ApiError:
    """Return the error of a request for the teams to that address."""
    client = Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
    with pytest.raises(ApiError) as failed:
        client.send(endpoints.teams())
    client.close()
    return failed.value


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", lambda: compressed_zeros(31)),
        ("deflate", lambda: compressed_zeros(15)),
        ("gzip, gzip", lambda: gzip.compress(compressed_zeros(31))),
    ],
    ids=["gzip", "deflate", "gzip-in-gzip"],
)
def test_client_response_of_a_gibibyte_of_zeros_is_not_decompressed(
    serve_response: ServeResponse, coding: str, bomb: Callable[[], bytes]
) -> None:
    body = bomb()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    url, _ = serve_response(head.encode() + body)
    tracemalloc.start()
    try:
        assert str(request_error(url)) == f"/v1/teams: the answer is larger than {MAX_RESPONSE_BYTES} bytes"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < GIB / 5


def test_client_response_with_hundreds_of_codings_is_rejected(serve_response: ServeResponse) -> None:
    codings, body = ", ".join(["gzip"] * 300), b'{"teams": []}'
    for _ in range(300):
        body = gzip.compress(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {len(body)}\r\n\r\n"
    url, _ = serve_response(head.encode() + body)
    assert request_error(url).code == "connection"


def test_client_response_with_endless_headers_is_rejected(serve_response: ServeResponse) -> None:
    url, _ = serve_response(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10**6)
    assert request_error(url).code == "connection"
    url, _ = serve_response(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**7)
    assert request_error(url).code == "connection"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["{other}/v1/teams", "//{host}/v1/teams", "http://the-id:the-token@{host}/"]
)
def test_client_redirect_to_another_host_is_not_followed(
    serve_response: ServeResponse, status: int, target: str
) -> None:
    other, requests_there = serve_response(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"teams":[]}')
    location = target.format(other=other, host=other.removeprefix("http://"))
    url, requests = serve_response(
        f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    error = request_error(url)
    assert "a redirect to 127.0.0.1 that is not followed" in str(error)
    assert "the-token" not in str(error)
    assert (len(requests), requests_there) == (1, [])


@pytest.mark.parametrize(
    "location", ["http://[", "", "http://\xff/", "::", "http://a\x1b[31mb/", f"http://{'a' * 10_000}/"]
)
def test_client_redirect_to_an_invalid_address_is_an_error_in_one_line(
    serve_response: ServeResponse, location: str
) -> None:
    head = f"HTTP/1.1 302 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    url, _ = serve_response(head.encode("latin-1"))
    error = request_error(url)
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
def test_paginate_link_to_another_host_uses_only_its_query(link: str) -> None:
    pages = paginate(endpoints.teams(), lambda page, at: None)
    first = next(pages)
    page = decode_page(json.dumps({"teams": [], "meta": {"next_page_link": link}}).encode(), "teams", Team)
    second = pages.send(Response(page, 0.0))
    assert (second.path, second.query) == (first.path, (*first.query, ("page", "2")))


def test_paginate_link_without_bounds_keeps_the_bounds() -> None:
    """The link in the tutorial's sample has empty bounds."""
    pages = paginate(endpoints.calls(1000, 2000), lambda page, at: None)
    first = next(pages)
    link = "https://api.aircall.io/v1/calls?order=asc&page=2&per_page=20&from=&to="
    page = decode_page(json.dumps({"calls": [], "meta": {"next_page_link": link}}).encode(), "calls", Call)
    assert pages.send(Response(page, 0.0)).query == (*first.query, ("page", "2"))


def test_client_next_page_with_line_breaks_sends_one_request_line(serve_response: ServeResponse) -> None:
    url, requests = serve_response(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"teams":[]}')
    pages = paginate(endpoints.teams(), lambda page, at: None)
    next(pages)
    link = f"{url}/?page=2%0d%0aX-Injected:%20yes&a=%20HTTP/1.1"
    page = decode_page(json.dumps({"teams": [], "meta": {"next_page_link": link}}).encode(), "teams", Team)
    second = pages.send(Response(page, 0.0))
    client = Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))
    client.send(second)
    (sent,) = requests
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
    ids=["id", "id with an exponent", "start", "negative start", "unpaired surrogate", "infinity", "nesting"],
)
def test_decode_calls_object_with_a_huge_number_is_left_out(bad: str) -> None:
    body = f'{{"calls": [{json.dumps(CALL)}, {bad}, {json.dumps(CALL | {"id": 3})}]}}'
    page = decode_calls(body.encode())
    assert [read.call.id for read in page.items] == [1, 3]
    assert page.malformed == 1


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_decode_calls_deeply_nested_response_raises(opening: str) -> None:
    for body in (opening * 10**6, f'{{"calls": [{opening * 10**6}', f'{{"calls": [], "a": {opening * 10**6}'):
        with pytest.raises(InvalidResponseError):
            decode_calls(body.encode())
