"""Connections that a NAT, load balancer or server drops while they are idle cost no poll."""

import socket
import threading
from bisect import bisect_right
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import client as client_module
from exporter.aircall import endpoints, transport
from exporter.aircall.budget import RequestBudget
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import Request, ask
from exporter.aircall.errors import ApiError, DroppedConnectionError
from exporter.demo.faults import DropIdle, Fault
from exporter.demo.simulation import SimulatedAccount
from exporter.polling.errand import Errand
from exporter.polling.lanes import SWITCHES
from exporter.users.asker import Asker
from tests.raw import Serve, answering, raw_server
from tests.simulated_time import NOON, Polled, polled

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
    """Answer the first request of a connection, of further ones only a part; with none, nothing happens."""

    def serve(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(ANSWER)
        connection.recv(65536)
        if second is None:
            done.wait(30)
        connection.sendall(second or b"")

    return serve


@pytest.mark.parametrize("request_", [TEAMS, SWITCH], ids=lambda request: request.method)
@pytest.mark.parametrize("second", [b"", None], ids=["closed", "silent"])
def test_request_on_a_dropped_connection_can_be_repeated_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, second: bytes | None, request_: Request
) -> None:
    with raw_server(first_answered_then(second)) as server:
        client._base_url = server.url
        client.send(TEAMS)
        with monkeypatch.context() as impatient:
            impatient.setattr(client_module, "READ_TIMEOUT", 1.0)
            with pytest.raises(DroppedConnectionError):
                client.send(request_)
        assert server.connections == 1
        client.send(TEAMS)
        assert server.connections == 2


@pytest.mark.parametrize("second", [b"HT", ANSWER[:20], ANSWER[:-3]])
def test_request_whose_answer_has_begun_is_not_on_a_dropped_connection(client: Client, second: bytes) -> None:
    with raw_server(first_answered_then(second)) as server:
        client._base_url = server.url
        client.send(TEAMS)
        with pytest.raises(ApiError) as failed:
            client.send(TEAMS)
        assert type(failed.value) is ApiError


def test_request_on_a_new_connection_is_not_on_a_dropped_one(client: Client) -> None:
    with raw_server(lambda connection, _: connection.recv(65536)) as server:
        client._base_url = server.url
        for _ in range(2):
            with pytest.raises(ApiError) as failed:
                client.send(TEAMS)
            assert type(failed.value) is ApiError


def test_request_that_creates_something_gets_a_new_connection(client: Client) -> None:
    with raw_server(answering(ANSWER)) as server:
        client._base_url = server.url
        for expected, request in ((1, TEAMS), (1, TEAMS), (2, CREATE), (3, CREATE), (3, TEAMS)):
            client.send(request)
            assert server.connections == expected


def test_connection_that_was_idle_for_too_long_is_not_used(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE", 0.0)
    with raw_server(answering(ANSWER)) as server:
        client._base_url = server.url
        client.send(TEAMS)
        client.send(TEAMS)
        assert server.connections == 2


def test_connections_after_one_was_dropped_are_kept_for_a_shorter_time() -> None:
    adapter = transport.Transport()
    assert adapter.max_idle == transport.MAX_IDLE
    for idle, kept in ((10.0, 5.0), (300.0, 2.5), (1.0, 0.5)):
        adapter.drop_connections(idle)
        assert adapter.max_idle == kept
    adapter._cautious_until = 0.0
    assert adapter.max_idle == transport.MAX_IDLE


@pytest.fixture
def dropping() -> Iterator[Polled]:
    """A busy company, behind something that drops each connection after one answer."""
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
    errand = Errand(lambda: ask(endpoints.switch_user("v2", user, "unavailable")))
    dropping.poller.run(errand, SWITCHES)
    dropping.live(10)
    assert errand.wait(0).value.availability_status == "unavailable"
    assert dropping.account.users[user].availability_status == "unavailable"


def test_command_behind_dropped_connections_spends_the_repeated_requests(dropping: Polled) -> None:
    budget, before = RequestBudget(1.0, 60, at_once=True), len(dropping.aircall.requests)
    asker = Asker(dropping.client, budget, dropping.time, say=print, sleep=lambda _: None)
    for _ in range(3):
        asker.run(ask(TEAMS))
    assert budget.spent == len(dropping.aircall.requests) - before > 3
