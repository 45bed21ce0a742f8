"""Error messages of requests to servers that fail."""

import socket
import ssl
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import ApiError
from tests.support.authority import Authority

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"calls": []}'
SECRETS = ("the-id", "the-token", "proxy-user", "proxy-password", "per_page", "order=")


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


def context(authority: Authority, name: str) -> ssl.SSLContext:
    tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls_context.load_cert_chain(authority.directory / f"{name}.pem", authority.directory / f"{name}.key")
    return tls_context
