"""Test bodies sent to the webhook: without a valid token they are not decoded."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from exporter.aircall import decoding
from exporter.aircall.events import MAX_CLAIMS, Delivery, sender_of
from exporter.clock import Clocks
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from exporter.webhooks import receiver
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from exporter.webhooks.receiver import MAX_BODY_BYTES, PATH, webhook

TOKEN = 'a token, with "quotes", \\ and é'
TIMESTAMPS = count(1619005327)
"""A different timestamp for each event, because a repeated event is not accepted."""


def fill(start: bytes, piece: bytes, end: bytes) -> bytes:
    """Return the largest body that is accepted, filled with a piece."""
    return start + piece * ((MAX_BODY_BYTES - len(start) - len(end)) // len(piece)) + end


BEGIN = b'{"event": "call.created", "timestamp": 1, "token": "wrong", "data": '
HOSTILE = {
    "one NaN": fill(BEGIN + b'{"a": NaN, "b": "', b"x", b'"}}'),
    "NaN at the end": fill(BEGIN + b'["', b"x", b'", NaN]}'),
    "only NaN": fill(BEGIN + b"[NaN", b",NaN", b"]}"),
    "infinities": fill(BEGIN + b"[NaN", b",-Infinity", b"]}"),
    "numbers": fill(BEGIN + b"[NaN", b",1", b"]}"),
    "lists": fill(BEGIN + b"[NaN", b"," + b"[" * 900 + b"]" * 900, b"]}"),
    "objects": fill(BEGIN + b"[NaN", b",{}", b"]}"),
    "keys": fill(b'{"token": "wrong", "a": NaN', b',"b":1', b"}"),
    "tokens": fill(b'{"a": NaN', b',"token":"x"', b"}"),
    "token that never ends": fill(b'{"a": NaN, "token": "', b"x", b""),
    "escapes that never end": fill(b'{"a": NaN, "token": "', b"\\", b""),
    "space behind the key": fill(b'{"a": NaN, "token"', b" ", b""),
    "deep": fill(BEGIN, b"[", b""),
    "huge number": fill(BEGIN + b"[NaN,", b"9", b"]}"),
    "broken text": fill(BEGIN + b'"', b"\xff", b'"}'),
    "lone surrogates": fill(BEGIN + b'"', b"\\ud800", b'"}'),
    "no token": fill(b'{"a": [NaN', b",1", b"]}"),
    "token of another type": fill(b'{"token": ["wrong", NaN', b",1", b"]}"),
    "list": fill(b"[NaN", b",1", b"]"),
    "nothing": b"",
    "zeros": fill(b"", b"\0", b""),
}

Post = Callable[[bytes], int]


@pytest.fixture(scope="module")
def metrics() -> WebhookMetrics:
    return WebhookMetrics(CollectorRegistry(), Clocks(time.time, time.time))


@pytest.fixture(scope="module")
def inbox(metrics: WebhookMetrics) -> Inbox:
    return Inbox(lambda: ("another", TOKEN), metrics, time.time)


@pytest.fixture(scope="module")
def post(inbox: Inbox) -> Iterator[Post]:
    server = WebServer(Starlette(routes=[webhook(inbox)]), [bind("127.0.0.1:0")])
    server.start()
    with requests.Session() as session:
        yield lambda body: session.post(f"http://127.0.0.1:{server.port}{PATH}", body, timeout=10).status_code
    server.stop()


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_webhook_body_without_a_valid_token_is_rejected_undecoded(
    body: bytes, post: Post, metrics: WebhookMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the body is decoded")

    for module in (decoding, receiver):
        monkeypatch.setattr(module, "repaired", fail)
    monkeypatch.setattr("exporter.webhooks.inbox.Delivery", fail)
    assert len(sender_of(body).tokens) <= MAX_CLAIMS
    rejected = metrics.events.labels("other", "unauthorized")._value
    before = rejected.get()
    assert post(body) == 401
    assert rejected.get() == before + 1


BROKEN = {
    "whole": b'"a"',
    "NaN": b"NaN",
    "infinity": b"[1, -Infinity]",
    "broken text": b'"\xff\xfe"',
    "lone surrogate": b'"\\ud83d"',
    "huge number": b"9" * 500,
    "huge float": b"1e999999",
    "an inner token": b'{"token": "wrong", "a": NaN}',
    "many inner tokens": b"[" + b",".join([b'{"token": "wrong"}'] * (MAX_CLAIMS - 1)) + b", NaN]",
}


@pytest.mark.parametrize("first", [True, False], ids=["token first", "token last"])
@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_webhook_body_that_is_broken_with_a_valid_token_is_accepted(
    data: bytes, first: bool, post: Post, inbox: Inbox
) -> None:
    token = json.dumps({"token": TOKEN}).encode()[1:-1]
    rest = b'"resource": "call", "event": "call.created", "timestamp": %d, "data": ' % next(TIMESTAMPS) + data
    body = b"{" + b", ".join([token, rest] if first else [rest, token]) + b"}"
    assert Delivery(body).token == TOKEN
    assert post(body) == 200
    assert [delivery.name for delivery in inbox.take(0)] == ["call.created"]


def test_webhook_body_with_a_valid_token_in_another_place_is_rejected(post: Post, inbox: Inbox) -> None:
    inner = json.dumps({"token": TOKEN}).encode()
    for body in (
        b'{"token": "wrong", "event": "call.created", "timestamp": 1, "data": [NaN, ' + inner + b"]}",
        b'{"event": "call.created", "timestamp": 1, "data": [NaN, ' + inner + b"]}",
        b"[NaN, " + inner + b"]",
        inner + b"NaN",
    ):
        assert post(body) == 401
    assert inbox.take(0) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("token"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["event", "data", "x"]), JSON),
    st.text(min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_sender_of_a_body_with_a_token_returns_it(
    content: dict[str, object], token: str, first: bool, ascii_only: bool
) -> None:
    """The content may have NaN and infinities, which Python writes to JSON."""
    fields = {"token": token} | content if first else content | {"token": token}
    body = json.dumps(fields, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert Delivery(body).token == token
    assert token in sender_of(body).tokens


@given(st.binary(max_size=200) | st.builds(lambda a, b: a + b'"token":' + b, st.binary(), st.binary()))
def test_sender_of_any_bytes_returns_a_limited_number_of_tokens(body: bytes) -> None:
    assert len(sender_of(body).tokens) <= MAX_CLAIMS


@pytest.mark.parametrize("at", [-1e300, -1, 1e400, float("nan"), None, "yesterday"])
def test_event_with_an_impossible_time_is_malformed(at: object) -> None:
    data = {"id": 2410000324}
    body = json.dumps({"event": "ai_voice_agent.started", "timestamp": at, "token": TOKEN, "data": data})
    assert Delivery(body.encode()).event() is None
