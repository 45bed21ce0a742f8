"""Tests of error messages about proxies: they name the proxy, the reason and the variable."""

import re
import socket
import threading
from base64 import b64encode
from urllib.parse import quote

import pytest
import requests

from exporter.aircall.failure_messages import CA_VARIABLES
from harness.raw_server import RawServer, Serve, answering, dripping, raw_server
from tests.support.authority import Authority
from tests.support.request_errors import closed_port, context, failure

REFUSALS = {
    407: "407 Proxy Authentication Required, check the user and password in HTTPS_PROXY",
    403: "403 Forbidden",
    502: "502 Bad Gateway",
    599: "599",
}


@pytest.mark.parametrize(("status", "message"), REFUSALS.items())
def test_error_proxy_refuses_names_it_and_its_status(
    monkeypatch: pytest.MonkeyPatch, status: int, message: str
) -> None:
    with raw_server(answering(f"HTTP/1.1 {status} proxy-password\r\n\r\n".encode())) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://proxy-user:proxy-password@127.0.0.1:{proxy.port}")
        assert failure("https://aircall.invalid") == (
            f"the proxy 127.0.0.1:{proxy.port} refuses to connect to aircall.invalid:443: {message}"
        )


@pytest.mark.parametrize("hosts", ["aircall.invalid", "a.example, .invalid", "*"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_client_uses_no_proxy_for_hosts_in_no_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, hosts: str
) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv(variable, "other.invalid")
    assert failure("https://aircall.invalid").startswith(f"no connection to the proxy 127.0.0.1:{port}: ")
    monkeypatch.setenv(variable, hosts)
    assert failure("https://aircall.invalid").startswith("the name of aircall.invalid:443 cannot be resolved")


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_client_trusts_the_ca_bundle_of_a_proxy_that_inspects_tls(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, variable: str
) -> None:
    """The proxy's certificate is for 127.0.0.1, so the host name is wrong once its authority is trusted."""

    def inspect(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        context(authority, "server").wrap_socket(connection, server_side=True)

    with raw_server(inspect) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "set REQUESTS_CA_BUNDLE" in failure("https://aircall.invalid")
        monkeypatch.setenv(variable, str(authority.directory / "ca.pem"))
        assert "Hostname mismatch" in failure("https://aircall.invalid")


@pytest.mark.parametrize("password", ["proxy-password", "p:@/?#", "\u20ac"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_client_proxy_password_with_any_characters_is_sent(
    monkeypatch: pytest.MonkeyPatch, password: str, scheme: str
) -> None:
    received: list[bytes] = []

    def refuse(connection: socket.socket, _: threading.Event) -> None:
        received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 407 No\r\n\r\n")

    with raw_server(refuse) as proxy:
        address = f"http://user:{quote(password, safe='')}@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("ALL_PROXY", address)
        failure(f"{scheme}://aircall.invalid")
    expected = b"Proxy-Authorization: Basic " + b64encode(f"user:{password}".encode())
    assert expected in received[0].splitlines()


def test_error_unreachable_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://proxy-user:proxy-password@127.0.0.1:{port}")
    message = failure("https://aircall.invalid")
    assert message == f"no connection to the proxy 127.0.0.1:{port}: Connection refused"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy-user:proxy-password@no-such-proxy.invalid:3128")
    message = failure("https://aircall.invalid")
    assert message.startswith("no connection to the proxy no-such-proxy.invalid:3128: ")


@pytest.mark.parametrize(
    "proxy",
    ["socks9://proxy-user:proxy-password@h:1", "socks5://h:x", "ftp://h:1", "http://", "http://h:x"],
)
def test_error_invalid_proxy_address_names_it_and_an_example(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    message = failure("https://aircall.invalid")
    assert re.match(r"the proxy's address \(.+\) is not valid, expected one such as http://proxy", message)


ODD_PROXIES = {
    "'http://proxy-user:proxy-password@127.0.0.1:9'": "has quotes around it",
    '"http://127.0.0.1:9"': "has quotes around it",
    "http://127.0.0.1:9'": "has quotes around it",
    '"127.0.0.1:9"': "has quotes around it",
    "\u201chttp://127.0.0.1:9\u201d": "has quotes around it",
    " ": "holds nothing but spaces",
    "\t": "holds nothing but spaces",
    "http://127.0.0.1:9 ": "holds a space",
    " http://proxy-user:proxy-password@127.0.0.1:9": "holds a space",
    "http://127.0.0.1:9\n": "holds a line break",
}

CUT_OFF = "'s password holds '/', '?' or '#', which have to be written as %2F, %3F and %23"

ODD_PROXIES = {proxy: f"'s address {message}" for proxy, message in ODD_PROXIES.items()} | {
    f"http://proxy-user:1234{character}proxy-password@proxy.example:3128": CUT_OFF for character in "/?#"
}

VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(("proxy", "problem"), ODD_PROXIES.items())
def test_error_proxy_address_with_quotes_or_spaces_names_them_and_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, problem: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    assert failure("https://aircall.invalid") == (
        f"the proxy{problem}, expected one such as http://proxy.example:3128 in {variable}"
    )


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h", "SOCKS5"])
def test_error_socks_proxy_without_pysocks_names_the_package_and_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing_socks)
    monkeypatch.setenv(variable, f"{scheme}://proxy-user:proxy-password@127.0.0.1:9")
    assert failure("https://aircall.invalid") == (
        f"the SOCKS proxy 127.0.0.1:9 in {variable} needs PySocks: pip install 'requests[socks]'"
    )


SOCKS_REFUSALS = {
    "closed": (lambda connection, _: connection.recv(65536), "Connection closed unexpectedly"),
    "another protocol": (
        dripping(b"HTTP/1.1 400 Bad", b"", 1000),
        "SOCKS5 proxy server sent invalid data",
    ),
    "unreachable": (dripping(b"\x05\x00\x05\x04\x00", b"", 1000), "Host unreachable"),
    "password": (
        dripping(b"\x05\x02\x01\x01", b"", 1000),
        "SOCKS5 authentication failed, check the user and password in HTTPS_PROXY",
    ),
}


@pytest.mark.parametrize(("serve", "message"), SOCKS_REFUSALS.values(), ids=SOCKS_REFUSALS)
def test_error_socks_proxy_refuses_names_it_and_its_reason(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, message: str
) -> None:
    with raw_server(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://proxy-user:proxy-password@127.0.0.1:{proxy.port}")
        assert failure("https://aircall.invalid") == (
            f"the SOCKS proxy 127.0.0.1:{proxy.port} refuses to connect to aircall.invalid:443: {message}"
        )


def test_error_unreachable_socks_proxy_or_unknown_name_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"socks5h://proxy-user:proxy-password@127.0.0.1:{port}")
    through = f"aircall.invalid:443 through the proxy 127.0.0.1:{port}"
    assert failure("https://aircall.invalid") == f"no connection to {through}: Connection refused"
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://proxy-user:proxy-password@127.0.0.1:{port}")
    assert failure("https://aircall.invalid").startswith(
        "the name of aircall.invalid:443 cannot be resolved: "
    )
    monkeypatch.setenv("HTTPS_PROXY", "socks5h://proxy-user:proxy-password@no-such-proxy.invalid:1080")
    assert failure("https://aircall.invalid").startswith("the name of no-such-proxy.invalid:1080 cannot be ")


def missing_socks(*_: object, **__: object) -> None:
    """Fail as requests does without PySocks."""
    raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")


@pytest.mark.parametrize("variable", VARIABLES)
def test_error_proxy_requires_a_password_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with raw_server(answering(b"HTTP/1.1 407 No\r\n\r\n")) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        message = failure("https://aircall.invalid")
        assert message.endswith(f", check the user and password in {variable}")


def test_error_tls_through_a_proxy_names_target_and_proxy(
    monkeypatch: pytest.MonkeyPatch, tls: RawServer
) -> None:
    def tunnel(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.recv(65536)
        connection.sendall(b"no TLS, but something else")
        done.wait(30)

    with raw_server(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        message = failure("https://aircall.invalid")
        where = f"aircall.invalid:443 through the proxy 127.0.0.1:{proxy.port}"
        assert message.startswith(f"the TLS connection to {where} failed: ")
