"""A reload of the web configuration never reduces protection by accident."""

from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from exporter.config.yaml_file import ConfigError
from exporter.web import config_reloader
from exporter.web.config import (
    CLIENT_AUTH_TYPES,
    TLS_VERSIONS,
    HttpServer,
    TlsServer,
    WebConfig,
    read_web_config,
)
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.reload_checks import lost_protection
from harness.process import process
from tests.support.authority import HASH, MUTUAL, TLS, USER, Authority, exporter, written
from tests.support.running import Running
from tests.support.web_configs import FREE_HEADERS, HEADERS, OTHER, TWO


def status(instance: Running, user: tuple[str, str] | None = None) -> int:
    return requests.get(f"{instance.url}/-/healthy", auth=user, timeout=5).status_code


LOSES_USERS = {
    "empty": "",
    "space": " ",
    "line break": "\n",
    "comment": "# only a comment\n",
    "document": "---\n",
    "null": "null\n",
    "empty mapping": "{}\n",
    "other keys": "http_server_config: {}\n",
    "no value": "basic_auth_users:\n",
    "null users": "basic_auth_users: null\n",
    "list": "basic_auth_users: []\n",
    "first user": f"basic_auth_users: {{{USER[0]}: {HASH}}}\n",
    "second user": f"basic_auth_users: {{admin: {OTHER}}}\n",
    "short hash": f"basic_auth_users: {{{USER[0]}: {HASH[:-1]}, admin: {OTHER}}}\n",
    "empty hash": f"basic_auth_users: {{{USER[0]}: '', admin: {OTHER}}}\n",
    "malformed": "basic_auth_users: {",
    "no hash": "basic_auth_users: {me: plain}",
    "unknown key": "nonsense: 1",
    "other users": f"basic_auth_users: {{someone: {HASH}, else: {OTHER}}}\n",
    "zeros": "\0" * 200,
    "missing": None,
    "directory": Path(),
}


@pytest.mark.parametrize("content", LOSES_USERS.values(), ids=LOSES_USERS)
def test_reload_that_loses_users_is_rejected_until_the_file_is_valid(
    authority: Authority, content: str | Path | None
) -> None:
    with exporter(authority, TWO) as instance:
        path = authority.directory / "web.yml"
        path.unlink()
        if isinstance(content, str):
            path.write_text(content)
        elif content:
            path.mkdir()
        with structlog.testing.capture_logs() as logs:
            assert [status(instance), status(instance, USER), status(instance)] == [401, 200, 401]
            assert status(instance, ("admin", "battery staple")) == 200
        if content:
            path.rmdir() if isinstance(content, Path) else path.unlink()
        (rejection,) = [line for line in logs if "web configuration" in line["event"]]
        assert rejection["log_level"] == "error"
        assert rejection["problem"].startswith(f"{path}: ")
        assert HASH[:20] not in rejection["problem"]
        written(authority.directory, {"basic_auth_users": {USER[0]: OTHER, "admin": OTHER}})
        assert [status(instance, USER), status(instance, (USER[0], "battery staple"))] == [401, 200]


SECTIONS: dict[str, Any] = {
    "tls_server_config": MUTUAL | {"min_version": "TLS12", "max_version": "TLS13"},
    "basic_auth_users": TWO["basic_auth_users"],
    "http_server_config": {"http2": True, "headers": HEADERS},
}
FILES: dict[str, dict[str, Any]] = {
    **{f"{last} last": dict(sorted(SECTIONS.items(), key=lambda each: each[0] == last)) for last in SECTIONS},
    "all keys reversed": {
        "http_server_config": {"headers": dict(reversed(HEADERS.items())), "http2": True},
        "tls_server_config": dict(reversed(SECTIONS["tls_server_config"].items())),
    },
    "headers only": {"http_server_config": {"headers": HEADERS}},
    "headers with quotes": {
        "http_server_config": {
            "headers": {"Content-Security-Policy": "'self'", "Strict-Transport-Security": '"max-age=1"'}
        }
    },
    "users only": TWO,
    "users first": TWO | {"http_server_config": {"headers": {"X-Frame-Options": "deny"}}},
    "users last": {"http_server_config": {"http2": False}} | TWO,
    "users behind TLS": {"tls_server_config": TLS | {"min_version": "TLS13"}} | TWO,
    "certificates": {"tls_server_config": MUTUAL | {"min_version": "TLS13"}} | TWO,
    "certificates without users": {"tls_server_config": MUTUAL},
    "certificates behind users": TWO | {"tls_server_config": dict(reversed(MUTUAL.items()))},
}


@pytest.mark.parametrize("flow", [False, True], ids=["block", "flow"])
@pytest.mark.parametrize("name", FILES)
def test_every_prefix_of_a_file_rewritten_in_place_keeps_all_protection(
    authority: Authority, name: str, flow: bool
) -> None:
    """Every prefix, as a reader can see it while the file is written in place, and the full file again."""
    whole = yaml.safe_dump(FILES[name], default_flow_style=flow, sort_keys=False)
    web = WebConfigReloader(written(authority.directory, whole))
    before = web.config
    with structlog.testing.capture_logs():
        for size in range(len(whole) + 1):
            written(authority.directory, whole[:size])
            assert web.config.users == before.users, whole[:size]
            assert web.config.tls_server_config == before.tls_server_config, whole[:size]
            assert web.config.headers == before.headers, whole[:size]
    written(
        authority.directory, TWO | FILES[name] | {"basic_auth_users": TWO["basic_auth_users"] | {"c": HASH}}
    )
    assert web.config.users.keys() == {USER[0], "admin", "c"}


def test_every_prefix_of_a_new_header_value_is_rejected(authority: Authority) -> None:
    def content(policy: str) -> str:
        return f"http_server_config:\n  headers:\n    Content-Security-Policy: {policy}\n"

    web = WebConfigReloader(written(authority.directory, content("sandbox")))
    before, new = web.config, content("default-src 'self'; frame-ancestors 'none'")
    with structlog.testing.capture_logs() as logs:
        for size in range(len(new)):
            written(authority.directory, new[:size])
            assert web.config == before, new[:size]
    assert "may be cut off, expected a line break at its end" in logs[-1]["problem"]
    written(authority.directory, new)
    assert web.config.headers == {"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}


def test_requests_without_a_password_are_refused_for_every_prefix(authority: Authority) -> None:
    whole = yaml.safe_dump(FILES["users first"], sort_keys=False)
    with exporter(authority, whole) as instance, structlog.testing.capture_logs():
        for size in range(0, len(whole), 3):
            written(authority.directory, whole[:size])
            assert status(instance) == 401, whole[:size]


@pytest.mark.parametrize("key", ["cert_file", "key_file", "client_ca_file"])
def test_every_prefix_of_a_pem_file_rewritten_in_place_keeps_the_context(
    authority: Authority, key: str
) -> None:
    authority.issue("prefix", "prefix")
    files = {"cert_file": "prefix.pem", "key_file": "prefix.key", "client_ca_file": "prefix-ca.pem"}
    (authority.directory / "prefix-ca.pem").write_bytes((authority.directory / "ca.pem").read_bytes())
    tls = {"client_auth_type": "RequireAndVerifyClientCert"} | files
    web = WebConfigReloader(written(authority.directory, {"tls_server_config": tls}))
    path = authority.directory / files[key]
    whole = path.read_bytes()
    before = web.context
    end = whole.rindex(b"-----END")
    with structlog.testing.capture_logs() as logs:
        for size in range(0, end, 17):
            path.write_bytes(whole[:size])
            assert web.context is before
            assert web.config.requires_client_cert
        path.unlink()
        assert web.context is before
    assert {line["log_level"] for line in logs} == {"error"}
    path.write_bytes(whole)
    assert web.context is not before
    assert web.context is not None
    assert web.context.get_ca_certs()


SOME_HEADERS = st.dictionaries(FREE_HEADERS, st.sampled_from(["", "a", "ab", "b"]))
NAMES = st.sampled_from(["a", "b", "c"])
CONFIGS = st.builds(
    WebConfig,
    tls_server_config=st.none()
    | st.builds(
        TlsServer,
        cert_file=st.just("c"),
        key_file=st.just("k"),
        client_auth_type=st.sampled_from(CLIENT_AUTH_TYPES),
        client_ca_file=st.just("a"),
        min_version=st.sampled_from(TLS_VERSIONS),
    ),
    basic_auth_users=st.just(UNSET) | st.dictionaries(NAMES, st.just(HASH)),
    http_server_config=st.builds(HttpServer, headers=st.just(UNSET) | SOME_HEADERS),
)


@given(CONFIGS, CONFIGS)
def test_accepted_change_is_as_strict_as_before(old: WebConfig, new: WebConfig) -> None:
    assert lost_protection(old, old) is None
    if lost_protection(old, new) is None:
        assert old.users.keys() <= new.users.keys() or new.basic_auth_users == {}
        assert new.requires_client_cert or not old.requires_client_cert
        assert (old.tls_server_config is None) == (new.tls_server_config is None)
        removed = new.http_server_config.headers == {}
        assert removed or old.headers.keys() <= new.headers.keys()
        assert removed or not any(
            value == "ab" and new.headers[name] == "a" for name, value in old.headers.items()
        )


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"client_auth_type": "NoClientCert", "client_ca_file": ""}, "client_auth_type"),
        ({"client_auth_type": "VerifyClientCertIfGiven"}, "client_auth_type"),
        ({"min_version": "TLS12"}, "min_version"),
    ],
)
def test_reload_that_weakens_tls_is_rejected(authority: Authority, change: dict[str, str], key: str) -> None:
    tls = MUTUAL | {"min_version": "TLS13"}
    web = WebConfigReloader(written(authority.directory, {"tls_server_config": tls}))
    before = web.context
    with structlog.testing.capture_logs() as logs:
        written(authority.directory, {"tls_server_config": tls | change})
        assert web.context is web.context is before
    (line,) = logs
    assert f"tls_server_config.{key}: found {change[key]}, expected {tls[key]} or stricter" in line["problem"]


def test_cut_client_ca_file_is_rejected(authority: Authority) -> None:
    """Even if the path that is left is one of a file with other authorities."""
    (authority.directory / "ca.pem2").write_bytes((authority.directory / "ca.pem").read_bytes())
    tls = MUTUAL | {"client_ca_file": "ca.pem2"}
    web = WebConfigReloader(written(authority.directory, {"tls_server_config": tls}))
    before = web.context
    with structlog.testing.capture_logs() as logs:
        written(authority.directory, {"tls_server_config": MUTUAL})
        assert web.context is before
    assert "tls_server_config.client_ca_file: found " in logs[0]["problem"]


def test_certificate_path_with_a_nul_character_raises_one_line(authority: Authority) -> None:
    path = written(authority.directory, 'tls_server_config: {cert_file: "a\\0b", key_file: k}')
    with pytest.raises(ConfigError, match="cert_file: is no path of a file"):
        WebConfigReloader(path)
    assert read_web_config(path).tls_server_config is not None


def test_start_with_an_empty_file_warns(tmp_path: Path) -> None:
    web = written(tmp_path, "")
    with process(f"--web.config.file={web}", "demo", "--users=6") as demo:
        demo.logged("level=warn .*web configuration is empty: clients need no password")


def test_file_that_is_rewritten_all_the_time_does_not_fill_the_log(authority: Authority) -> None:
    web = WebConfigReloader(written(authority.directory, TWO))
    with structlog.testing.capture_logs() as logs:
        for n in range(100):
            written(authority.directory, f"nonsense{n}: 1")
            assert web.config.users.keys() == TWO["basic_auth_users"].keys()
            written(authority.directory, TWO)
            assert web.config.users.keys() == TWO["basic_auth_users"].keys()
    assert len(logs) == 2 * config_reloader.MAX_LINES
