"""Tests of error messages: they name host, port, proxy and reason, and no credential or query."""

import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter.aircall import client as client_module
from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import ApiError
from exporter.aircall.failures import address
from harness.raw_server import RawServer, Serve, answering, dripping, raw_server, silence
from tests.support.authority import Authority

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"calls": []}'
SECRETS = ("the-id", "the-token", "proxy-user", "proxy-password", "per_page", "order=")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)


def send(url: str) -> None:
    with closing(Client(url, "the-id", "the-token", ClientMetrics(CollectorRegistry()))) as client:
        client.send(endpoints.calls(0))


def failure(url: str) -> str:
    """Return the error message of a request, without the endpoint."""
    with pytest.raises(ApiError) as failed:
        send(url)
    text = str(failed.value)
    assert text.startswith("/v1/calls: ")
    assert not [secret for secret in SECRETS if secret in text]
    assert "0x" not in text
    return text.removeprefix("/v1/calls: ")


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_error_refused_connection_names_host_port_and_reason() -> None:
    port = closed_port()
    assert failure(f"http://127.0.0.1:{port}") == f"no connection to 127.0.0.1:{port}: Connection refused"
    assert failure(f"http://[::1]:{port}").startswith(f"no connection to [::1]:{port}: ")


def test_error_unknown_host_names_it() -> None:
    message = failure("https://no-such-host.invalid")
    assert re.fullmatch(r"the name of no-such-host\.invalid:443 cannot be resolved: [A-Z][a-z ]+", message)


BROKEN: dict[str, tuple[Serve, str]] = {
    "closed": (lambda connection, _: connection.recv(65536), "was closed without an answer"),
    "no HTTP": (answering(b"SSH-2.0-OpenSSH_9.9\r\n"), "is not HTTP"),
    "headers without end": (answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000), "is not HTTP"),
}


@pytest.mark.parametrize(("serve", "message"), BROKEN.values(), ids=BROKEN)
def test_error_response_is_not_http_names_host_and_port(serve: Serve, message: str) -> None:
    with raw_server(serve) as server:
        text = failure(server.url)
        assert message in text
        assert f"127.0.0.1:{server.port}" in text


@pytest.fixture
def tls(authority: Authority) -> Iterator[RawServer]:
    with raw_server(answering(ANSWER), tls=context(authority, "server")) as server:
        yield server


def context(authority: Authority, name: str) -> ssl.SSLContext:
    tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls_context.load_cert_chain(authority.directory / f"{name}.pem", authority.directory / f"{name}.key")
    return tls_context


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_client_ca_bundle_of_the_environment_applies_to_loopback(
    tls: RawServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")  # not used for this machine
    monkeypatch.setenv(variable, str(authority.directory / "ca.pem"))
    send(tls.url)


def test_error_untrusted_certificate_names_the_reason_and_a_remedy(tls: RawServer) -> None:
    message = failure(tls.url)
    assert message.startswith(f"the TLS connection to 127.0.0.1:{tls.port} failed: ")
    assert re.search(r"self-signed certificate in certificate chain|unable to get local issuer", message)
    assert "set REQUESTS_CA_BUNDLE" in message


def test_error_certificate_for_another_host_names_the_reason(
    tls: RawServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.directory / "ca.pem"))
    message = failure(f"https://localhost:{tls.port}")
    assert message == (
        f"the TLS connection to localhost:{tls.port} failed: Hostname mismatch, certificate is not valid for"
        " 'localhost'"
    )


def test_error_expired_certificate_names_the_reason(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue("expired", "expired", days=-1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.directory / "ca.pem"))
    with raw_server(silence, tls=context(authority, "expired")) as server:
        assert failure(server.url) == (
            f"the TLS connection to 127.0.0.1:{server.port} failed: certificate has expired"
        )


def test_error_https_to_a_server_without_tls_names_the_reason() -> None:
    def refuse(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(refuse) as server:
        message = failure(f"https://127.0.0.1:{server.port}")
        where = f"the TLS connection to 127.0.0.1:{server.port} failed: "
        assert message.removeprefix(where) in ("wrong version number", "record layer failure")


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_error_unreadable_ca_bundle_names_file_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: RawServer, content: bytes | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    reason = "No such file or directory" if content is None else "no valid certificate found"
    message = f"the CA certificates in {bundle} (REQUESTS_CA_BUNDLE) cannot be read: {reason}"
    assert failure(tls.url) == message


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
    assert re.match(r"the proxy's address \(.+\) is not valid, wanted one such as http://proxy", message)


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
        f"the proxy{problem}, wanted one such as http://proxy.example:3128 in {variable}"
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


BAD_NAMES = ("-bad-..", "api..aircall.io", "a" * 64 + ".io", "\u00e9..io")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_error_invalid_host_name_names_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert failure(f"https://{name}") == f"the name of {name}:443 is not valid"
    monkeypatch.setenv("ALL_PROXY", f"http://{name}:3128")
    problem = f"name of the proxy {name}:3128 is not valid"
    if not name.isascii():
        problem = "proxy's address holds a character outside ASCII"
    wanted = "wanted one such as http://proxy.example:3128 in ALL_PROXY"
    assert failure("https://aircall.invalid") == f"the {problem}, {wanted}"


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


def test_error_timeout_names_host_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "REQUEST_TIMEOUT_S", 1.0)
    with raw_server(silence) as server:
        assert failure(server.url) == f"no complete answer from 127.0.0.1:{server.port} within 1s"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.aircall.io", "api.aircall.io:443"),
        ("http://user:secret@proxy:3128/x?y", "proxy:3128"),
        ("user:secret@proxy:3128", "proxy:3128"),
        ("https://[::1]:8443", "[::1]:8443"),
        ("http://user:1234#secret@proxy:3128", "an address that is not valid"),
        ("user:1234/secret@proxy:3128", "an address that is not valid"),
        ("http://user:secret@", "an address that is not valid"),
        ("http://user:secret@h:port", "an address that is not valid"),
        ("http://[", "an address that is not valid"),
    ],
)
def test_address_url_with_a_credential_is_without_it(url: str, shown: str) -> None:
    assert address(url) == shown
