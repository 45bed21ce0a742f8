"""Authentication of the calls API, which also applies if metrics are public."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from harness.process import credential, process
from tests.support.authority import HASH, MUTUAL, USER, Authority, exporter, secure
from tests.support.running import Running, eventually

PROTECTED = ("calls?from=1h", "report", "calls/1/recording", "calls/1/voicemail", "openapi.json", "nothing")
USERS = {"basic_auth_users": {USER[0]: HASH}}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Return an archive that does not know its account is simulated."""
    return Archive(sqlite_url(str(tmp_path)))


def calls(exporter: Running, **client: Any) -> requests.Response:
    return requests.get(f"{exporter.url}/api/v1/calls?from=1h", timeout=10, **client)


def test_calls_api_without_configured_credentials_returns_403(authority: Authority, archive: Archive) -> None:
    with exporter(authority, {}, archive=archive, api=True) as unguarded:
        for path in PROTECTED:
            for auth in (None, USER):
                answer = requests.get(f"{unguarded.url}/api/v1/{path}", auth=auth, timeout=10)
                assert answer.status_code == 403
                assert answer.json() == {
                    "error": "the calls API needs a password: set basic_auth_users in --web.config.file"
                }
        assert requests.get(f"{unguarded.url}/metrics", timeout=10).ok
        assert requests.post(f"{unguarded.url}/-/refresh", timeout=10).ok


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-User", "Visitor", "X-Real-IP"])
def test_calls_api_with_a_forged_client_header_returns_403(
    authority: Authority, archive: Archive, header: str
) -> None:
    with exporter(authority, {}, archive=archive, api=True) as unguarded:
        assert calls(unguarded, headers={header: "127.0.0.1"}).status_code == 403


@pytest.fixture
def public(authority: Authority, archive: Archive) -> Iterator[Running]:
    with exporter(authority, USERS, archive=archive, api=True, public_metrics=True) as public:
        yield public


def test_public_metrics_leave_all_other_paths_behind_the_password(public: Running) -> None:
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert requests.get(public.url + path, timeout=10).status_code in (200, 503)
    for path in ("/", "/nothing", "/-/healthy/../../api/v1/calls", "/metrics/", "//metrics", "/metrics/../"):
        assert requests.get(public.url + path, timeout=10, allow_redirects=False).status_code == 401
    for path in ("/-/refresh", "/-/reload"):
        assert requests.post(public.url + path, timeout=10).status_code == 401
    assert calls(public).status_code == 401
    assert calls(public, auth=(USER[0], "wrong")).status_code == 401
    eventually(lambda: calls(public, auth=USER).status_code == 200)


def test_metrics_of_a_group_require_the_password_like_all_metrics(
    authority: Authority, archive: Archive
) -> None:
    with exporter(authority, USERS, archive=archive) as protected:
        for query in ("", "?collect[]=queue", "?collect[]=unknown"):
            assert requests.get(f"{protected.url}/metrics{query}", timeout=10).status_code == 401
        url = f"{protected.url}/metrics?collect[]=queue"
        eventually(lambda: requests.get(url, auth=USER, timeout=10).status_code == 200)


def test_public_metrics_include_their_groups(public: Running) -> None:
    url = f"{public.url}/metrics?collect[]"
    assert requests.get(f"{url}=queue", timeout=10).status_code == 200
    assert requests.get(f"{url}=unknown", timeout=10).status_code == 400


def test_calls_api_with_a_required_client_certificate_returns_calls(
    authority: Authority, archive: Archive
) -> None:
    client = str(authority.directory / "client")
    with exporter(authority, {"tls_server_config": MUTUAL}, archive=archive, api=True) as strict:
        strict.url = secure(strict)
        client_options = {
            "verify": str(authority.directory / "ca.pem"),
            "cert": (f"{client}.pem", f"{client}.key"),
        }
        eventually(lambda: calls(strict, **client_options).status_code == 200)
        lenient = MUTUAL | {"client_auth_type": "VerifyClientCertIfGiven"}
    with exporter(authority, {"tls_server_config": lenient}, archive=archive, api=True) as optional:
        optional.url = secure(optional)
        assert calls(optional, **client_options).status_code == 403


def test_start_with_a_calls_api_without_credentials_logs_the_remedy(
    authority: Authority, tmp_path: Path
) -> None:
    with exporter(authority, {}) as simulated:
        flags = (f"--storage.path={tmp_path}", "--web.enable-api")
        with process(*flags, **credential(simulated.aircall)) as process_without_users:
            process_without_users.logged(
                "calls API rejects all clients: set basic_auth_users in --web.config.file"
            )
            answer = requests.get(f"{process_without_users.url}/api/v1/calls?from=1h", timeout=10)
            assert (answer.status_code, answer.text.count("\n")) == (403, 0)


OWN, ANOTHER = "http://{host}", "https://wall.example.com"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": OWN}, 200),
        ({"Origin": ANOTHER, "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": ANOTHER}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": OWN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_post_from_another_site_is_rejected(authority: Authority, headers: dict[str, str], code: int) -> None:
    """A browser sends the password with such a request."""
    with exporter(authority, USERS) as guarded:
        sent = {name: text.format(host=guarded.url.removeprefix("http://")) for name, text in headers.items()}
        answer = requests.post(f"{guarded.url}/-/refresh", auth=USER, headers=sent, timeout=10)
        assert answer.status_code == code
        assert requests.get(f"{guarded.url}/metrics", auth=USER, headers=sent, timeout=10).ok
