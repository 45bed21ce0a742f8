"""Tests of error messages: they name host, port, proxy and reason, and no credential or query."""

import re
import socket
import threading
from pathlib import Path

import pytest

from exporter.aircall import http_session
from exporter.aircall.failure_messages import CA_VARIABLES, address
from harness.raw_server import RawServer, Serve, answering, raw_server, silence
from tests.support.authority import Authority
from tests.support.request_errors import closed_port, context, failure, send


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


@pytest.mark.parametrize("variable", CA_VARIABLES)
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


BAD_NAMES = ("-bad-..", "api..aircall.io", "a" * 64 + ".io", "\u00e9..io")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_error_invalid_host_name_names_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert failure(f"https://{name}") == f"the name of {name}:443 is not valid"
    monkeypatch.setenv("ALL_PROXY", f"http://{name}:3128")
    problem = f"name of the proxy {name}:3128 is not valid"
    if not name.isascii():
        problem = "proxy's address holds a character outside ASCII"
    expected = "expected one such as http://proxy.example:3128 in ALL_PROXY"
    assert failure("https://aircall.invalid") == f"the {problem}, {expected}"


def test_error_timeout_names_host_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "REQUEST_TIMEOUT_S", 1.0)
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
