"""Tests of idle connections that a NAT, load balancer or server drops: no poll fails."""

import socket
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints, http_session, transport
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import Request, fetch
from exporter.aircall.errors import ApiError, DroppedConnectionError
from exporter.aircall.request_budget import RequestBudget
from exporter.cli.api_runner import ApiRunner
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.schedule import AVAILABILITY_CHANGES
from exporter.simulator.faults import DropIdle, Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.raw_server import Serve, answering, raw_server, socks5
from harness.simulated_time import NOON, Polled, polled

BODY = b'{"teams": []}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
TEAMS = endpoints.teams()
SWITCH = endpoints.switch_user("v2", 1, "available")
CREATE = Request("/v1/webhooks", lambda body: body, method="POST", content=b"{}")


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client("http://127.0.0.1:1", "the-id", "the-token", ClientMetrics(CollectorRegistry()))
    yield client
    client.close()


def first_answered_then(second: bytes | None) -> Serve:
    """Answer the first request of a connection, and the next one with `second`, or never if it is None."""

    def serve(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(ANSWER)
        connection.recv(65536)
        if second is None:
            done.wait(30)
        connection.sendall(second or b"")

    return serve


@pytest.mark.parametrize("via", ["", "http", "socks5h"])
@pytest.mark.parametrize("request_", [TEAMS, SWITCH], ids=lambda request: request.method)
@pytest.mark.parametrize("second", [b"", None], ids=["closed", "silent"])
def test_request_on_a_dropped_connection_can_be_repeated_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, second: bytes | None, request_: Request, via: str
) -> None:
    serve = first_answered_then(second)
    with raw_server(socks5(serve) if "socks" in via else serve) as server:
        client._base_url = server.url
        if via:
            client = Client("http://aircall.invalid", "the-id", "the-token", client._metrics)
            monkeypatch.setenv("ALL_PROXY", server.url.replace("http", via))
        client.send(TEAMS)
        with monkeypatch.context() as impatient:
            impatient.setattr(http_session, "REQUEST_TIMEOUT_S", 1.0)
            impatient.setattr(transport, "MIN_SILENT_DROP_S", 0.0)
            with pytest.raises(DroppedConnectionError):
                client.send(request_)
        assert server.connections == 1
        client.send(TEAMS)
        assert server.connections == 2


@pytest.mark.parametrize("second", [b"HT", ANSWER[:20], ANSWER[:-3]])
def test_request_whose_response_has_begun_is_not_on_a_dropped_connection(
    client: Client, second: bytes
) -> None:
    with raw_server(first_answered_then(second)) as server:
        client._base_url = server.url
        client.send(TEAMS)
        with pytest.raises(ApiError) as failed:
            client.send(TEAMS)
        assert type(failed.value) is ApiError


def test_request_that_hangs_on_a_connection_in_use_is_not_on_a_dropped_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", 0.3)

    def first_only(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(ANSWER)
        done.wait(10)

    with raw_server(first_only) as server:
        client._base_url = server.url
        client.send(TEAMS)
        with pytest.raises(ApiError) as failed:
            client.send(TEAMS)
        assert type(failed.value) is ApiError
        assert client._transport.max_idle == transport.MAX_IDLE_S


def test_request_on_a_new_connection_is_not_on_a_dropped_one(client: Client) -> None:
    with raw_server(lambda connection, _: connection.recv(65536)) as server:
        client._base_url = server.url
        for _ in range(2):
            with pytest.raises(ApiError) as failed:
                client.send(TEAMS)
            assert type(failed.value) is ApiError


def test_request_that_creates_an_object_gets_a_new_connection(client: Client) -> None:
    requests: list[tuple[int, Request]] = [(1, TEAMS), (1, TEAMS), (2, CREATE), (3, CREATE), (3, TEAMS)]
    with raw_server(answering(ANSWER)) as server:
        client._base_url = server.url
        for expected, request in requests:
            client.send(request)
            assert server.connections == expected


def test_connection_idle_for_too_long_is_not_used(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE_S", 0.0)
    with raw_server(answering(ANSWER)) as server:
        client._base_url = server.url
        client.send(TEAMS)
        client.send(TEAMS)
        assert server.connections == 2


def test_connections_after_two_were_dropped_are_kept_for_a_shorter_time() -> None:
    adapter = transport.Transport()
    for idle, expected in ((10.0, transport.MAX_IDLE_S), (10.0, 5.0), (300.0, 2.5), (1.0, 0.5)):
        adapter.drop_connections(idle)
        assert adapter.max_idle == expected
    adapter._cautious_until = 0.0
    assert adapter.max_idle == transport.MAX_IDLE_S


class Steady:
    """A clock that only a test changes. The transport measures idle times by it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


Closes = Callable[[int, int, float], bool]
"""Whether a connection is closed instead of answering: by how many requests it answered, how many all
connections answered, and for how many seconds it was idle."""


def closing(steady: Steady, closes: Closes) -> tuple[Serve, list[int]]:
    """Answer requests until `closes`; the list has the number of requests that all connections answered."""
    answered = [0]

    def serve(connection: socket.socket, _: threading.Event) -> None:
        by_connection, used_at = 0, steady.now
        while connection.recv(65536) and not closes(by_connection, answered[0], steady.now - used_at):
            by_connection, used_at = by_connection + 1, steady.now
            answered[0] += 1
            connection.sendall(ANSWER)

    return serve, answered


REGULAR, MIXED = (1.25,), (0.1, 1.5, 4.0, 0.5, 12.0, 2.0, 25.0, 0.2)
REQUESTS = 240
LONG = sum(gap > 10 for gap in MIXED) * REQUESTS // len(MIXED)
"""How many of the mixed pauses are longer than 10 seconds."""


@pytest.mark.parametrize(
    ("closes", "gaps", "most"),
    [
        pytest.param(lambda *_: False, MIXED, (1, 0), id="never"),
        pytest.param(lambda by, all_, _: by and all_ == 1, REGULAR, (2, 1), id="the first one"),
        pytest.param(lambda by, all_, _: by and all_ == 1, MIXED, (2, 1), id="one after a pause"),
        pytest.param(lambda by, all_, _: by and all_ in (80, 160), MIXED, (3, 2), id="restarts"),
        pytest.param(lambda by, *_: by == 20, REGULAR, (12, 12), id="after 20 requests"),
        pytest.param(lambda by, *_: by == 1, REGULAR, (REQUESTS, 4), id="after one request"),
        pytest.param(lambda by, *_: by == 1, MIXED, (REQUESTS, 16), id="after one request, mixed pauses"),
        pytest.param(lambda _, __, idle: idle > 10, REGULAR, (1, 0), id="after 10 s, requests in between"),
        pytest.param(lambda _, __, idle: idle > 10, MIXED, (LONG + 4, 4), id="after 10 s"),
        pytest.param(lambda _, __, idle: idle > 1, REGULAR, (REQUESTS, 4), id="after a second"),
    ],
)
def test_connections_closed_by_the_server_are_kept_for_as_long_as_they_last(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    closes: Closes,
    gaps: tuple[float, ...],
    most: tuple[int, int],
) -> None:
    """`most` is how many connections and dropped requests there may be."""
    steady = Steady()
    monkeypatch.setattr(transport, "time", steady)
    serve, answered = closing(steady, closes)
    dropped = 0
    with raw_server(serve) as server:
        client._base_url = server.url
        for position in range(REQUESTS):
            steady.now += gaps[position % len(gaps)]
            try:
                client.send(TEAMS)
            except DroppedConnectionError:
                dropped += 1
                client.send(TEAMS)
        assert answered == [REQUESTS]
        assert server.connections <= most[0]
        assert dropped <= most[1]


@pytest.fixture
def dropping() -> Iterator[Polled]:
    """Return a busy company behind a proxy that drops each connection after one response."""
    account = SimulatedAccount(users=60, calls_per_hour=450, start=NOON, history=0)
    with polled(account) as world:
        world.live_until_complete()
        world.aircall.requests.clear()
        world.aircall.faults.append(Fault(lambda _: True, DropIdle()))
        yield world


def test_poller_behind_dropped_connections_has_no_failed_poll_and_keeps_the_budget(dropping: Polled) -> None:
    spent, until = dropping.poller.budget.spent, dropping.time.now + 600
    counted = dropping.scrape().sum("aircall_api_requests_total")
    while dropping.time.now < until:
        dropping.step(until)
        assert dropping.poller.status().is_up(dropping.time.now)
    scrape, sent = dropping.scrape(), [request.time for request in dropping.aircall.requests]
    assert scrape.sum("aircall_polls_total", result="error") == 0
    assert scrape.sum("aircall_api_requests_total", code="connection") > 0
    assert scrape.sum("aircall_api_requests_total") - counted == len(sent)
    assert dropping.poller.budget.spent - spent == len(sent)
    for position, start in enumerate(sent):
        assert bisect_right(sent, start + 60) - position <= 48


def test_switch_on_a_dropped_connection_is_sent_again(dropping: Polled) -> None:
    user = next(iter(dropping.account.users))
    request = OnDemandRequest(lambda: fetch(endpoints.switch_user("v2", user, "unavailable")))
    dropping.poller.submit(request, AVAILABILITY_CHANGES)
    dropping.live(10)
    status = request.wait(0).value
    assert status is not None
    assert status.availability_status == "unavailable"
    assert dropping.account.users[user].availability_status == "unavailable"


def test_command_behind_dropped_connections_spends_the_repeated_requests(dropping: Polled) -> None:
    budget, before = RequestBudget(1.0, 60, at_once=True), len(dropping.aircall.requests)
    runner = ApiRunner(dropping.client, budget, dropping.time, say=print, sleep=lambda _: None)
    for _ in range(3):
        runner.run(fetch(TEAMS))
    assert budget.spent == len(dropping.aircall.requests) - before > 3
