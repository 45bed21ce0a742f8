"""Headers of every response, and limits on the headers and the query of a request."""

import difflib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.archive import parsing
from exporter.metrics import exposition
from exporter.simulator.simulation import SimulatedAccount
from exporter.web import auth
from exporter.web.auth import MAX_QUERY_PARAMETERS, MAX_VALUE_CHARS
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from tests.support.authority import HASH, PASSWORD, Authority, exporter
from tests.support.running import Running, running


def test_response_with_any_status_has_the_configured_headers(authority: Authority) -> None:
    headers = {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}
    blank = {"X-Content-Type-Options": ""}
    content = {"http_server_config": {"headers": headers | blank}, "basic_auth_users": {"prometheus": HASH}}
    with exporter(authority, content) as exporter_with_headers:
        for password, status in ((PASSWORD, 200), ("wrong", 401)):
            answer = requests.get(
                f"{exporter_with_headers.url}/-/healthy", auth=("prometheus", password), timeout=5
            )
            assert answer.status_code == status
            assert headers.items() <= answer.headers.items()
            assert not blank.keys() & answer.headers.keys()


@pytest.fixture(scope="module")
def instance() -> Iterator[Running]:
    with running(SimulatedAccount(users=6, calls_per_hour=0, start=time.time()), api=True) as instance:
        yield instance


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """Run a server that returns the length of each header that the application sees."""

    async def lengths(request: Request) -> Response:
        return JSONResponse({name: len(value) for name, value in request.headers.items()})

    server = WebServer(
        Starlette(routes=[Route("/", lengths, methods=["GET", "POST"])]), [bind("127.0.0.1:0")]
    )
    server.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.stop()


PARSED = [
    "accept",
    "accept-encoding",
    "authorization",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "if-none-match",
    "range",
]


@pytest.mark.parametrize("name", PARSED)
def test_header_with_a_long_value_is_treated_as_absent(echo: str, name: str) -> None:
    for length, received in ((MAX_VALUE_CHARS, MAX_VALUE_CHARS), (MAX_VALUE_CHARS + 1, None), (30_000, None)):
        assert requests.get(echo, headers={name: "a" * length}, timeout=5).json().get(name) == received


def test_long_origin_is_rejected_as_another_site(echo: str) -> None:
    answer = requests.post(echo, headers={"Origin": f"https://{'a' * 30_000}"}, timeout=5)
    assert answer.status_code == 403


def test_long_negotiation_headers_are_not_parsed(instance: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    choose = choose_encoder

    def counted(accept: str) -> object:
        lengths.append(len(accept))
        return choose(accept)

    monkeypatch.setattr(exposition, "choose_encoder", counted)
    long = {
        "Accept": "application/openmetrics-text;version=1.0.0," + "a/b," * 7000,
        "Accept-Encoding": "gzip",
    }
    answer = requests.get(f"{instance.url}/metrics", headers=long, timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Content-Encoding"] == "gzip"
    long = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip," + "a," * 15_000}
    answer = requests.get(f"{instance.url}/metrics", headers=long, timeout=5)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "Content-Encoding" not in answer.headers
    assert lengths == [0, len("application/openmetrics-text")]


def test_long_credential_is_not_decoded(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    decode = auth._credentials

    def counted(authorization: str) -> object:
        lengths.append(len(authorization))
        return decode(authorization)

    monkeypatch.setattr(auth, "_credentials", counted)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        url = f"{guarded.url}/-/healthy"
        assert requests.get(url, auth=("prometheus", "a" * 20_000), timeout=5).status_code == 401
        assert requests.get(url, auth=("prometheus", PASSWORD), timeout=5).status_code == 200
    assert max(lengths) < 100


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/calls"])
def test_query_with_too_many_parameters_is_not_parsed(
    instance: Running, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(Request, "query_params", property(parsed.append))
    answer = requests.get(f"{instance.url}{path}?{'a&' * MAX_QUERY_PARAMETERS}", timeout=5)
    expected = f"found {MAX_QUERY_PARAMETERS + 1}, expected at most {MAX_QUERY_PARAMETERS}"
    assert (answer.status_code, expected in answer.text, parsed) == (400, True, [])


def test_long_name_of_a_parameter_is_not_compared_in_full(
    instance: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    matches = difflib.get_close_matches

    def counted(word: str, *arguments: Any, **options: Any) -> list[str]:
        lengths.append(len(word))
        return matches(word, *arguments, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    assert requests.get(f"{instance.url}/api/v1/calls?{'a' * 30_000}=", timeout=5).status_code == 400
    assert lengths == [parsing.LONGEST_NAME]
