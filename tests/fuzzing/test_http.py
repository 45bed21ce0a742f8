"""The web server with generated requests: the calls API by its description, and all paths with any bytes."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.config.settings import Webhook
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.config_reloader import WebConfigReloader
from tests.fuzzing import targets
from tests.fuzzing.inputs import EXAMPLES, INPUTS
from tests.support.authority import USER, with_password
from tests.support.running import Running, eventually, running

CHECKS = [
    checks.not_a_server_error,
    checks.response_schema_conformance,
    checks.content_type_conformance,
]
"""A response of 400 to a request that fits the schema is valid: a schema describes no times and cursors."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run an exporter with some calls, which does not know that the account is simulated."""
    directory = tmp_path_factory.mktemp("fuzzed")
    account = SimulatedAccount(users=6, calls_per_hour=200, start=time.time() - 3600)
    archive, web = Archive(sqlite_url(str(directory))), WebConfigReloader(with_password(directory))
    served = {"rate_limit": 100_000}
    webhook = Webhook(token="the-token")
    with running(
        account, archive=archive, web=web, api=True, admin=True, served=served, webhook=webhook
    ) as instance:
        instance.until_ready()
        eventually(lambda: call_ids(instance))
        yield instance


def call_ids(instance: Running) -> list[int]:
    """Return the ids of the calls of the last day."""
    answer = requests.get(f"{instance.url}/api/v1/calls", {"from": "1d"}, auth=USER, timeout=10)
    return [call["id"] for call in answer.json().get("calls", ())]


@pytest.fixture(autouse=True)
def _no_error(instance: Running, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check after each test that the exporter still serves, and has logged no error."""
    with structlog.testing.capture_logs() as logged:
        yield
    assert not [line for line in logged if line["log_level"] in ("error", "critical")]
    assert requests.get(f"{instance.url}/metrics", auth=USER, timeout=10).status_code == 200
    assert call_ids(instance)
    assert not [line for line in caplog.records if line.levelname in ("ERROR", "CRITICAL")]


PATHS = ["/api/v1/calls", "/api/v1/report", "/api/v1/calls/{id}/recording", "/api/v1/calls/{id}/voicemail"]


@pytest.mark.parametrize("path", PATHS)
def test_calls_api_with_any_request_matches_its_description(instance: Running, path: str) -> None:
    description = requests.get(f"{instance.url}/api/v1/openapi.json", auth=USER, timeout=10).json()
    operation = schemathesis.openapi.from_dict(description)[path]["GET"]
    limits = settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )

    @limits
    @given(st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)))
    def check(case: schemathesis.Case) -> None:
        answer = case.call(base_url=instance.url, auth=USER, allow_redirects=False, timeout=20)
        if answer.text != "Not Found":  # a path that no route takes, such as one with a line break
            case.validate_response(answer, checks=CHECKS)
        unauthenticated = case.call(base_url=instance.url, timeout=20, headers={"Authorization": ""})
        assert unauthenticated.status_code in (401, 400, 431)

    check()


WORDS = b"""
    GET POST HEAD / /metrics /api/v1/calls ?from= %00 % .. HTTP/1.1 Host:a Content-Length: Expect:100-continue
    Transfer-Encoding:chunked Authorization:Basic Connection:Upgrade Upgrade:websocket 0 5 : Accept: gzip ;q=
"""
PIECES = [*WORDS.split(), b" ", b"\r\n", b"\0"]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=30).map(b"".join))
def test_server_with_any_bytes_requires_the_password(instance: Running, sent: bytes) -> None:
    host, port = instance.url.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=20) as client, suppress(ConnectionError):
        client.sendall(sent + b"\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(2**16):
            received += more
    assert set(re.findall(rb"HTTP/1\.1 (\d{3})", received)) <= {b"400", b"401", b"403", b"431", b"100"}


BODIES = {
    "/webhook": ("application/json", INPUTS[targets.events]),
    "/api/v1/users/1/availability": ("application/json", INPUTS[targets.answers]),
    "/users/1": ("application/x-www-form-urlencoded", INPUTS[targets.query]),
}


@pytest.mark.parametrize("path", BODIES)
def test_server_with_any_body_returns_no_server_error(instance: Running, path: str) -> None:
    kind, bodies = BODIES[path]

    @settings(max_examples=EXAMPLES)
    @given(bodies | st.binary(max_size=100))
    def check(body: bytes) -> None:
        headers = {"Content-Type": kind}
        answer = requests.post(instance.url + path, data=body, headers=headers, auth=USER, timeout=20)
        assert answer.status_code in (200, 400, 401, 403, 404)

    check()


HEADERS = ["Accept", "Accept-Encoding", "Authorization", "Origin", "If-None-Match", "Range"]
CHARACTERS = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
KNOWN = ["gzip", "q=", ";", ",", "*/*", "application/openmetrics-text", "version=", "Basic ", "bytes=0-"]


@pytest.mark.parametrize("header", HEADERS)
def test_server_with_any_header_returns_the_page(instance: Running, header: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(st.lists(st.sampled_from(KNOWN) | st.text(CHARACTERS, max_size=40), max_size=6).map("".join))
    def check(value: str) -> None:
        headers = {header: value.strip().encode("latin-1")}
        auth = None if header == "Authorization" else USER
        for path in ("/metrics", "/api/v1/calls?from=1h"):
            answer = requests.get(instance.url + path, headers=headers, auth=auth, timeout=10)
            assert answer.status_code == (401 if auth is None else 200)

    check()
