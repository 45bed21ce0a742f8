"""Fixtures of the API client's tests."""

from collections.abc import Iterator

import pytest

from harness.raw_server import RawServer, answering, raw_server
from tests.support.authority import Authority
from tests.support.request_errors import ANSWER, context


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
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tls(authority: Authority) -> Iterator[RawServer]:
    with raw_server(answering(ANSWER), tls=context(authority, "server")) as server:
        yield server
