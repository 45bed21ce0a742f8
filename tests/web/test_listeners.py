"""The addresses on which the exporter listens."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from exporter.web import listeners
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.listeners import AddressError, ListenError, bind, bind_all, passed_by_systemd, shown
from exporter.web.server import WebServer
from harness.addresses import free_address
from tests.support.authority import HASH, TLS, USER, Authority, written


def client(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.client.host if request.client else "")


@contextmanager
def served(*addresses: str, web: str | None = None) -> Iterator[WebServer]:
    pages = Starlette(routes=[Route("/", client)])
    server = WebServer(pages, bind_all(addresses), WebConfigReloader(web))
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


def test_tls_and_passwords_apply_to_all_addresses(authority: Authority) -> None:
    web = written(authority.directory, {"tls_server_config": TLS, "basic_auth_users": {USER[0]: HASH}})
    addresses = [free_address(), free_address()]
    with served(*addresses, web=web):
        for address in addresses:
            url, trusted = f"https://{address}/", authority.directory / "ca.pem"
            for auth, code in ((None, 401), (USER, 200)):
                assert requests.get(url, auth=auth, verify=str(trusted), timeout=5).status_code == code
            with pytest.raises(requests.ConnectionError):
                requests.get(f"http://{address}/", timeout=5)


def test_bind_all_with_a_taken_address_names_it_and_closes_the_others() -> None:
    free = free_address()
    with closing(bind("127.0.0.1:0")) as other:
        taken = shown(other)
        with pytest.raises(ListenError, match=f"^{taken}: cannot listen there: Address already in use$"):
            bind_all([free, taken])
    bind(free).close()


def passed(*descriptors: int, pid: int | None = None) -> dict[str, str]:
    """Return the variables with which systemd passes descriptors."""
    return {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(len(descriptors)), "LISTEN_FDNAMES": "a"}


def test_sockets_of_systemd_are_served_and_their_variables_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = bind("127.0.0.1:0").detach()
    monkeypatch.setattr(listeners, "FIRST_PASSED", descriptor)
    environ = passed(descriptor) | {"HOME": "/"}
    (listener,) = passed_by_systemd(environ)
    assert environ == {"HOME": "/"}
    assert not listener.get_inheritable()
    server = WebServer(Starlette(routes=[Route("/", client)]), [listener])
    server.start()
    try:
        assert requests.get(f"http://{shown(listener)}/", timeout=5).text == "127.0.0.1"
    finally:
        server.stop()


@pytest.mark.parametrize(
    "environ",
    [{}, passed(), passed(3, pid=1), passed(3) | {"LISTEN_FDS": "x"}, passed(3) | {"LISTEN_FDS": ""}],
)
def test_sockets_of_systemd_for_another_process_or_none_are_an_error(environ: dict[str, str]) -> None:
    with pytest.raises(AddressError, match="found no socket from systemd, expected a start by systemd"):
        passed_by_systemd(environ)


def test_sockets_of_systemd_that_do_not_listen_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for opened, found in (
        ((tmp_path / "file").open("w"), "no socket"),
        (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "another socket"),
        (socket.socket(), "another socket"),
    ):
        descriptor = os.dup(opened.fileno())
        opened.close()
        monkeypatch.setattr(listeners, "FIRST_PASSED", descriptor)
        with pytest.raises(AddressError, match=f"^found {found}.* {descriptor}, expected one that listens"):
            passed_by_systemd(passed(descriptor))
