"""Tests of the API client: what it sends, and how it fails."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests
import responses
from prometheus_client import CollectorRegistry

from exporter.aircall import client as client_module
from exporter.aircall import endpoints
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import ApiError, CredentialError, NotFoundError, RateLimitedError
from exporter.aircall.models import UserStatus
from harness.raw_server import raw_server

URL = "https://api.aircall.io"
EMPTY = {"meta": {"next_page_link": None}, "teams": []}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> Iterator[Client]:
    client = Client(URL, "the-id", "the-token", ClientMetrics(registry))
    yield client
    client.close()


@responses.activate
def test_send_any_request_has_the_credential_in_the_header_only(client: Client) -> None:
    responses.get(f"{URL}/v1/teams", json=EMPTY)
    client.send(endpoints.teams())
    request = responses.calls[0].request
    assert request.headers["Authorization"] == requests.auth._basic_auth_str("the-id", "the-token")
    assert request.url == f"{URL}/v1/teams?per_page=50"


@responses.activate
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_send_switch_of_a_user_is_a_put_with_json(client: Client, version: str) -> None:
    user = {"id": 7, "name": "Ada", "availability_status": "unavailable", "substatus": "always_closed"}
    responses.put(f"{URL}/{version}/users/7", json={"user": user})
    status, _ = client.send(endpoints.switch_user(version, 7, "unavailable"))
    assert status == UserStatus(7, "Ada", None, "unavailable", "always_closed")
    request = responses.calls[0].request
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b'{"availability_status":"unavailable"}'


@responses.activate
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, CredentialError),
        (403, CredentialError),
        (404, NotFoundError),
        (410, NotFoundError),
        (429, RateLimitedError),
        (400, ApiError),
        (500, ApiError),
        (503, ApiError),
    ],
)
def test_send_error_status_raises_the_matching_error(
    client: Client, registry: CollectorRegistry, status: int, kind: type[ApiError]
) -> None:
    headers = {"X-AircallApi-Limit": "60", "X-AircallApi-Reset": "1780000000"}
    responses.get(f"{URL}/v1/numbers/7", status=status, headers=headers)
    with pytest.raises(kind) as refused:
        client.send(endpoints.number_users(7))
    assert type(refused.value) is kind
    assert refused.value.code == str(status)
    assert (refused.value.headers.limit, refused.value.headers.reset) == (60, 1780000000)
    labels = {"endpoint": "/v1/numbers/:id", "code": str(status)}
    assert registry.get_sample_value("aircall_api_requests_total", labels) == 1


@responses.activate
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (requests.ConnectTimeout("https://the-id:the-token@api"), "timeout"),
        (requests.ReadTimeout("the-token"), "timeout"),
        (requests.ConnectionError("the-token"), "connection"),
        (requests.exceptions.SSLError("the-token"), "connection"),
        (requests.exceptions.ChunkedEncodingError("the-token"), "connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_send_failed_connection_raises_an_error_without_secrets(
    client: Client, registry: CollectorRegistry, failure: Exception, code: str
) -> None:
    responses.get(f"{URL}/v1/teams", body=failure)
    with pytest.raises(ApiError) as failed:
        client.send(endpoints.teams())
    assert failed.value.code == code
    assert "the-token" not in str(failed.value)
    assert failed.value.__suppress_context__
    assert (
        registry.get_sample_value("aircall_api_requests_total", {"endpoint": "/v1/teams", "code": code}) == 1
    )


@responses.activate
@pytest.mark.parametrize("target", ["https://elsewhere.example/v1/teams", f"{URL}/v2/teams"])
def test_send_redirect_is_not_followed(client: Client, target: str) -> None:
    responses.get(f"{URL}/v1/teams", status=307, headers={"Location": target})
    with pytest.raises(ApiError, match="redirect to"):
        client.send(endpoints.teams())
    assert len(responses.calls) == 1


def test_send_to_an_unknown_host_fails_with_code_connection(registry: CollectorRegistry) -> None:
    client = Client("https://no-such-host.invalid", "the-id", "the-token", ClientMetrics(registry))
    with pytest.raises(ApiError) as failed:
        client.send(endpoints.teams())
    assert failed.value.code == "connection"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def error_code(response: bytes, registry: CollectorRegistry) -> str:
    """Return the code of the error if a server sends these bytes and closes the connection."""

    def serve(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(response)

    with raw_server(serve) as server:
        client = Client(server.url, "the-id", "the-token", ClientMetrics(registry))
        with closing(client), pytest.raises(ApiError) as failed:
            client.send(endpoints.teams())
        return failed.value.code


def test_send_body_cut_off_fails_with_code_connection(registry: CollectorRegistry) -> None:
    assert error_code(HEAD + b"Content-Length: 100\r\n\r\n{", registry) == "connection"


def test_send_body_too_large_fails_with_code_invalid(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_RESPONSE_BYTES", 10_000)
    packed = gzip.compress(b" " * 5_000_000)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: " + str(len(packed)).encode() + b"\r\n\r\n"
    assert error_code(head + packed, registry) == "invalid"
