"""A flood of clients without a credential costs no other client its connection or its turn."""

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.config.settings import Webhook
from exporter.simulator.simulation import SimulatedAccount
from exporter.web import connection_limiter, connections
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.connections import Connection
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from tests.support.authority import HASH, MUTUAL, TLS, USER, Authority, exporter
from tests.support.authority import with_password as with_password_file
from tests.support.running import Running, running
from tests.support.sockets import is_closed_by_server

USERS = {"basic_auth_users": {USER[0]: HASH}}
PING = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n"
OTHER_NETWORK = "127.0.0.2"


def with_password(password: str) -> str:
    credential = base64.b64encode(f"{USER[0]}:{password}".encode()).decode()
    return f"{PING}Authorization: Basic {credential}\r\n\r\n"


def event(token: str) -> str:
    body = f'{{"event": "call.created", "timestamp": 1, "token": "{token}", "data": {{}}}}'
    return f"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}"


FLOODS = {
    "no byte": ("", 0),
    "half a head": (PING, 0),
    "half a body": ("POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{", 0),
    "no password": (f"{PING}\r\n", 401),
    "wrong password": (with_password("wrong"), 401),
    "wrong token": (event("wrong"), 401),
    "no HTTP": ("nonsense\r\n\r\n", 400),
    "cross-site": ("POST /-/refresh HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403),
}
"""What each client of a flood sends, and the status of the answer if there is one."""


def connect(instance: Running, stack: ExitStack, network: str = "127.0.0.1") -> socket.socket:
    port = int(instance.url.rpartition(":")[2])
    return stack.enter_context(
        socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(network, 0))
    )


def ask(client: socket.socket, request: str) -> int:
    """Return the status of the answer."""
    client.sendall(request.encode())
    with client.makefile("rb") as answer:
        status = int(answer.readline().split()[1])
        headers = dict(line.rstrip().lower().split(b": ") for line in iter(answer.readline, b"\r\n"))
        answer.read(int(headers[b"content-length"]))
    return status


def flood(
    instance: Running, stack: ExitStack, clients: int, request: str, status: int
) -> list[socket.socket]:
    """Connect this number of clients that send this, and wait until the server knows all of them."""
    flooding = [connect(instance, stack) for _ in range(clients)]
    for client in flooding:
        if status:
            assert ask(client, request) == status
        else:
            client.sendall(request.encode())
    with ExitStack() as later:
        ask(connect(instance, later), f"{PING}\r\n")
    return flooding


def served(web: WebConfigReloader | None) -> AbstractContextManager[Running]:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    return running(account, web=web, webhook=Webhook(token="right"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run an exporter with a user."""
    with served(WebConfigReloader(with_password_file(tmp_path_factory.mktemp("web")))) as instance:
        yield instance


@pytest.fixture(scope="module")
def unguarded() -> Iterator[Running]:
    """Run an exporter without users."""
    with served(None) as instance:
        yield instance


@pytest.mark.parametrize(("request_sent", "status"), FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("proof", [with_password(USER[1]), event("right")], ids=["password", "token"])
def test_flood_does_not_close_the_idle_connection_of_an_authenticated_client(
    guarded: Running, monkeypatch: pytest.MonkeyPatch, proof: str, request_sent: str, status: int
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 5)
    with ExitStack() as stack:
        proven = connect(guarded, stack)
        assert ask(proven, proof) == 200
        for _ in range(2):
            flood(guarded, stack, 3, request_sent, status)
        assert ask(proven, proof) == 200


@pytest.mark.parametrize("content", [{"tls_server_config": TLS} | USERS, {"tls_server_config": MUTUAL}])
def test_flood_without_handshakes_does_not_close_an_authenticated_connection(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, content: dict[str, object]
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 5)
    context = ssl.create_default_context(cafile=str(authority.directory / "ca.pem"))
    context.load_cert_chain(*(str(authority.directory / f"client.{end}") for end in ("pem", "key")))
    with exporter(authority, content) as instance, ExitStack() as stack:

        def secured() -> socket.socket:
            client = connect(instance, stack)
            return stack.enter_context(context.wrap_socket(client, server_hostname="127.0.0.1"))

        proven = secured()
        assert ask(proven, with_password(USER[1])) == 200
        for _ in range(10):
            connect(instance, stack)
        assert ask(secured(), with_password(USER[1])) == 200
        assert ask(proven, with_password(USER[1])) == 200


def test_client_that_is_rejected_later_is_no_longer_authenticated(
    guarded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 2)
    with ExitStack() as stack:
        once, proven = connect(guarded, stack), connect(guarded, stack)
        for client in (proven, once):
            assert ask(client, with_password(USER[1])) == 200
        assert ask(once, with_password("wrong")) == 401
        connect(guarded, stack)
        assert is_closed_by_server(once)
        assert ask(proven, with_password(USER[1])) == 200


def test_unfinished_requests_of_a_flood_do_not_close_that_of_an_authenticated_client(
    guarded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_UNFINISHED", 3)
    with ExitStack() as stack:
        proven = connect(guarded, stack)
        assert ask(proven, with_password(USER[1])) == 200
        request = with_password(USER[1])
        proven.sendall(request[:30].encode())
        flood(guarded, stack, 8, *FLOODS["half a head"])
        assert ask(proven, request[30:]) == 200


def test_authenticated_connections_leave_room_for_a_new_client(
    guarded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(connection_limiter, "MAX_AUTHENTICATED", 3)
    with ExitStack() as stack:
        proven = [connect(guarded, stack) for _ in range(5)]
        for client in proven:
            assert ask(client, with_password(USER[1])) == 200
        assert all(map(is_closed_by_server, proven[:2]))
        waiting = [connect(guarded, stack) for _ in range(2)]
        for client in [*proven[2:], waiting[0]]:
            assert ask(client, with_password(USER[1])) == 200


@pytest.mark.parametrize("waiting", ["", PING, f"{PING}\r\n"], ids=["no byte", "half a head", "idle"])
@pytest.mark.parametrize("name", ["no byte", "half a head", "half a body", "answered"])
def test_flood_without_users_closes_no_connection_of_another_network(
    unguarded: Running, monkeypatch: pytest.MonkeyPatch, name: str, waiting: str
) -> None:
    monkeypatch.setattr(connection_limiter, "MAX_CONNECTIONS", 6)
    monkeypatch.setattr(connection_limiter, "MAX_UNFINISHED", 4)
    with ExitStack() as stack:
        other = connect(unguarded, stack, OTHER_NETWORK)
        if waiting.endswith("\r\n\r\n"):
            assert ask(other, waiting) == 200
        else:
            other.sendall(waiting.encode())
        for _ in range(3):
            flood(unguarded, stack, 4, *({"answered": (f"{PING}\r\n", 200)} | FLOODS)[name])
        assert ask(other, "\r\n" if waiting == PING else f"{PING}\r\n") == 200


def test_idle_connection_outlives_the_timeout_of_a_request(
    guarded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both the timeout of this project and that of uvicorn."""
    made = Connection.connection_made

    def with_short_timeout(self: Connection, transport: asyncio.Transport) -> None:
        monkeypatch.setattr(self, "timeout_keep_alive", 0.5)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", with_short_timeout)
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 1.0)
    with ExitStack() as stack:
        idle = connect(guarded, stack)
        assert ask(idle, with_password(USER[1])) == 200
        assert is_closed_by_server(connect(guarded, stack))
        assert ask(idle, with_password(USER[1])) == 200
        idle.sendall(PING.encode())
        assert is_closed_by_server(idle)


def test_idle_connection_is_closed_in_the_end(guarded: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_TIMEOUT_S", 0.3)
    with ExitStack() as stack:
        idle = connect(guarded, stack)
        assert ask(idle, with_password(USER[1])) == 200
        assert is_closed_by_server(idle)


def test_open_connection_has_its_turn_after_each_accepted_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that wait to be accepted, and then a request on an open one."""
    held, go_on = threading.Event(), threading.Event()
    accepted = 0
    accept = Connection.accept

    def counted(self: Connection, *arguments: object) -> None:
        nonlocal accepted
        accepted += 1
        accept(self, *arguments)  # type: ignore[arg-type]

    async def hold(_: Request) -> Response:
        """Block the event loop."""
        held.set()
        go_on.wait(20)
        return PlainTextResponse("")

    async def so_far(_: Request) -> Response:
        return PlainTextResponse("", headers={"Accepted": str(accepted)})

    monkeypatch.setattr(Connection, "accept", counted)
    server = WebServer(
        Starlette(routes=[Route("/hold", hold), Route("/so-far", so_far)]), [bind("127.0.0.1:0")]
    )
    with ExitStack() as stack:
        stack.callback(server.stop)
        stack.callback(go_on.set)
        server.start()

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))

        client, holder = connected(), connected()
        ask(client, "GET /so-far HTTP/1.1\r\nHost: a\r\n\r\n")
        holder.sendall(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        assert held.wait(20)
        for _ in range(200):
            connected()
        client.sendall(b"GET /so-far HTTP/1.1\r\nHost: a\r\n\r\n")
        go_on.set()
        with client.makefile("rb") as answer:
            (line,) = [line for line in iter(answer.readline, b"\r\n") if line.startswith(b"accepted")]
        assert int(line.split()[1]) < 10
