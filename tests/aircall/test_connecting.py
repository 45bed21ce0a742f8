"""Tests of the choice among the addresses of a host."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall import endpoints, http_session
from exporter.aircall.connecting import AddressOrder
from exporter.aircall.errors import ApiError
from harness.raw_server import answering, raw_server, silence, socks4, socks5
from tests.support.short_requests import ANSWER, CREATE, SECONDS, failure, new_client


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", SECONDS)


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
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", 1.0)
    monkeypatch.setattr(http_session, "CONNECT_TIMEOUT_S", 0.5)
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
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", SECONDS)
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
