"""The addresses on which the exporter listens."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from exporter.web.server import AddressError, ListenError, WebServer, bind, shown


def client(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.client.host if request.client else "")


@contextmanager
def served(address: str) -> Iterator[WebServer]:
    server = WebServer(Starlette(routes=[Route("/", client)]), bind(address))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def ipv6() -> None:
    """Fail with a remedy if this machine has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.fail("::1 is missing: enable IPv6 on the loopback interface", pytrace=False)


@pytest.mark.usefixtures("ipv6")
def test_bind_without_a_host_listens_on_ipv4_and_ipv6() -> None:
    with served(":0") as server:
        for host, client_host in (("127.0.0.1", "::ffff:127.0.0.1"), ("[::1]", "::1")):
            assert requests.get(f"http://{host}:{server.port}/", timeout=5).text == client_host


@pytest.mark.usefixtures("ipv6")
def test_bind_with_a_host_listens_on_that_alone() -> None:
    for address, other in (("0.0.0.0:0", "[::1]"), ("127.0.0.1:0", "[::1]"), ("[::1]:0", "127.0.0.1")):
        with served(address) as server, pytest.raises(requests.ConnectionError):
            requests.get(f"http://{other}:{server.port}/", timeout=5)


@pytest.mark.parametrize("problem", ["socket", "option", "bind"])
def test_bind_on_a_machine_without_ipv6_listens_on_ipv4(
    problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Limited(socket.socket):
        def __init__(self, family: int, *rest: Any) -> None:
            if family == socket.AF_INET6 and problem == "socket":
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *rest)

        def setsockopt(self, level: int, *rest: Any) -> None:
            if level == socket.IPPROTO_IPV6 and problem == "option":
                raise OSError(errno.ENOPROTOOPT, "Protocol not available")
            super().setsockopt(level, *rest)

        def bind(self, address: Any) -> None:
            if self.family == socket.AF_INET6 and problem == "bind":
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)

    with monkeypatch.context() as without:
        without.setattr(socket, "socket", Limited)
        listener = bind(":0")
    with closing(listener):
        assert shown(listener).startswith("0.0.0.0:")


@pytest.mark.parametrize("taken", ["127.0.0.1:0", "0.0.0.0:0", ":0"])
def test_bind_without_a_host_reports_a_port_that_is_taken(taken: str) -> None:
    with closing(bind(taken)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=f"^:{port}: cannot listen there: Address already in use$"):
            bind(f":{port}")


@pytest.mark.parametrize(
    "address",
    [
        *("nonsense", ":", ":x", ":65536", ":-1", ":²", "", "1.2.3.4"),
        *("é..b:0", "a..b:0", f"{'a' * 64}:0", "a b:0", "'127.0.0.1':0", " :0"),
    ],
)
def test_bind_with_an_invalid_address_raises(address: str) -> None:
    with pytest.raises(AddressError, match="expected an address such as"):
        bind(address)


@pytest.mark.usefixtures("ipv6")
def test_shown_puts_ipv6_hosts_in_brackets() -> None:
    for address, start in (("[::1]:0", "[::1]:"), ("127.0.0.1:0", "127.0.0.1:"), (":0", "[::]:")):
        with closing(bind(address)) as listener:
            assert shown(listener) == f"{start}{listener.getsockname()[1]}"
