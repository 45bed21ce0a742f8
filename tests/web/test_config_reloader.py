"""Reload of the file of `--web.config.file`: a change applies to the next request, without a restart."""

import os
import subprocess
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import structlog

from exporter.config.yaml_file import ConfigError
from exporter.web import config_reloader
from exporter.web.config_reloader import WebConfigReloader
from tests.support.authority import HASH, MUTUAL, TLS, USER, Authority, exporter, secure, written
from tests.support.running import Running

OTHER = bcrypt.hashpw(b"battery staple", bcrypt.gensalt(4)).decode()


def status(exporter: Running, user: tuple[str, str] | None = None) -> int:
    return requests.get(f"{exporter.url}/-/healthy", auth=user, timeout=5).status_code


def test_reload_with_changed_users_applies_to_the_next_request(authority: Authority) -> None:
    with exporter(authority, {}) as instance:
        assert status(instance) == 200
        written(authority.directory, {"basic_auth_users": {USER[0]: HASH}})
        assert [status(instance), status(instance, USER)] == [401, 200]
        written(authority.directory, {"basic_auth_users": {USER[0]: OTHER, "else": HASH}})
        assert [status(instance, USER), status(instance, (USER[0], "battery staple"))] == [401, 200]
        assert status(instance, ("else", USER[1])) == 200
        written(authority.directory, {"basic_auth_users": {}})
        assert status(instance) == 200
        written(authority.directory, {"basic_auth_users": {"else": HASH}})
        assert status(instance, (USER[0], "battery staple")) == 401


def test_reload_with_changed_headers_applies_to_the_next_response(authority: Authority) -> None:
    with exporter(authority, {}) as instance:
        steps: list[dict[str, str]] = [{"X-Frame-Options": "deny"}, {}, {"X-Content-Type-Options": "nosniff"}]
        for headers in steps:
            written(authority.directory, {"http_server_config": {"headers": headers}})
            received = requests.get(f"{instance.url}/-/healthy", timeout=5).headers
            assert headers.items() <= received.items()
            assert len(received.keys() & {"X-Frame-Options", "X-Content-Type-Options"}) == len(headers)


def test_reload_with_a_higher_tls_version_rejects_older_clients(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS}) as instance:
        ca = str(authority.directory / "ca.pem")
        command = ["curl", "-sS", "--cacert", ca, "--tls-max", "1.2", f"{secure(instance)}/-/healthy"]

        def exit_code() -> int:
            return subprocess.run(command, capture_output=True, check=False).returncode

        assert exit_code() == 0
        written(authority.directory, {"tls_server_config": TLS | {"min_version": "TLS13"}})
        assert exit_code() == 35


def test_reload_with_a_missing_certificate_is_accepted_once_it_exists(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_reloader, "RETRY_AFTER_S", 0.0)
    web = WebConfigReloader(written(authority.directory, {"tls_server_config": TLS}))
    before = web.context
    late = {"cert_file": "late.pem", "key_file": "late.key"}
    with structlog.testing.capture_logs() as logs:
        written(authority.directory, {"tls_server_config": late})
        assert web.context is web.context is before
        authority.issue("late", "late")
        assert web.context is not before
    assert [line["log_level"] for line in logs] == ["error", "info"]


def test_reload_that_requires_certificates_rejects_open_connections_without_one(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS}) as instance, requests.Session() as session:
        files = {name: str(authority.directory / name) for name in ("ca.pem", "client.pem", "client.key")}

        def status_code(**options: Any) -> int:
            return session.get(
                f"{secure(instance)}/-/healthy", verify=files["ca.pem"], timeout=5, **options
            ).status_code

        assert status_code() == 200
        written(authority.directory, {"tls_server_config": MUTUAL})
        assert status_code() == 403
        assert status_code(cert=(files["client.pem"], files["client.key"])) == 200


def test_reload_without_tls_is_rejected(authority: Authority) -> None:
    path = written(authority.directory, {"tls_server_config": TLS, "basic_auth_users": {"a": HASH}})
    web = WebConfigReloader(path)
    written(authority.directory, {"basic_auth_users": {"a": HASH, "b": HASH}})
    with structlog.testing.capture_logs() as logs:
        assert web.context is not None
        assert web.config.users.keys() == {"a"}
    assert [line["problem"] for line in logs] == [
        f"{path}: tls_server_config: is new or gone; TLS is switched on and off by a restart"
    ]


def test_start_without_the_file_raises(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        WebConfigReloader(str(tmp_path / "web.yml"))


def test_reload_of_a_pipe_keeps_the_configuration_and_answers(authority: Authority) -> None:
    """Reading a pipe without a writer would wait forever."""
    with exporter(authority, {"basic_auth_users": {USER[0]: HASH}}) as instance:
        file = authority.directory / "web.yml"
        text = file.read_text(encoding="utf-8")
        file.unlink()
        os.mkfifo(file)
        assert [status(instance), status(instance, USER)] == [401, 200]
        file.unlink()
        file.write_text(text, encoding="utf-8")
        assert [status(instance), status(instance, USER)] == [401, 200]
