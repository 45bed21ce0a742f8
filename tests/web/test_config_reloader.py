"""What changes in the file of `--web.config.file` holds from the next request on, without a restart."""

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


def test_users_come_go_and_change_their_passwords(authority: Authority) -> None:
    with exporter(authority, {}) as one:
        assert status(one) == 200
        written(authority.directory, {"basic_auth_users": {USER[0]: HASH}})
        assert [status(one), status(one, USER)] == [401, 200]
        written(authority.directory, {"basic_auth_users": {USER[0]: OTHER, "else": HASH}})
        assert [status(one, USER), status(one, (USER[0], "battery staple"))] == [401, 200]
        assert status(one, ("else", USER[1])) == 200
        written(authority.directory, {"basic_auth_users": {}})
        assert status(one) == 200
        written(authority.directory, {"basic_auth_users": {"else": HASH}})
        assert status(one, (USER[0], "battery staple")) == 401


@pytest.mark.parametrize(
    "broken", ["basic_auth_users: {", "basic_auth_users: {me: plain}", "nonsense: 1", None]
)
def test_a_broken_file_opens_no_door(authority: Authority, broken: str | None) -> None:
    with exporter(authority, {"basic_auth_users": {USER[0]: HASH}}) as one:
        path = authority.directory / "web.yml"
        path.unlink() if broken is None else path.write_text(broken)
        with structlog.testing.capture_logs() as logs:
            assert [status(one), status(one, USER)] == [401, 200]
        (refused,) = [line for line in logs if "web configuration" in line["event"]]
        assert refused["log_level"] == "error"
        assert refused["problem"].startswith(f"{path}: ")
        written(authority.directory, {"basic_auth_users": {USER[0]: OTHER}})
        assert status(one, USER) == 401


def test_headers_change(authority: Authority) -> None:
    with exporter(authority, {}) as one:
        sets: list[dict[str, str]] = [{"X-Frame-Options": "deny"}, {}, {"X-Content-Type-Options": "nosniff"}]
        for headers in sets:
            written(authority.directory, {"http_server_config": {"headers": headers}})
            answered = requests.get(f"{one.url}/-/healthy", timeout=5).headers
            assert headers.items() <= answered.items()
            assert len(answered.keys() & {"X-Frame-Options", "X-Content-Type-Options"}) == len(headers)


def test_what_tls_demands_changes(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS}) as one:
        old = ["curl", "-sS", "--cacert", authority.directory / "ca.pem", "--tls-max", "1.2"]

        def left() -> int:
            return subprocess.run(
                [*old, f"{secure(one)}/-/healthy"], capture_output=True, check=False
            ).returncode

        assert left() == 0
        written(authority.directory, {"tls_server_config": TLS | {"min_version": "TLS13"}})
        assert left() == 35


def test_a_certificate_may_come_after_its_name(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_whoever_came_without_a_certificate_is_let_in_no_more(authority: Authority) -> None:
    with exporter(authority, {"tls_server_config": TLS}) as one, requests.Session() as kept_open:
        files = {name: str(authority.directory / name) for name in ("ca.pem", "client.pem", "client.key")}

        def answered(**options: Any) -> int:
            return kept_open.get(
                f"{secure(one)}/-/healthy", verify=files["ca.pem"], timeout=5, **options
            ).status_code

        assert answered() == 200
        written(authority.directory, {"tls_server_config": MUTUAL})
        assert answered() == 403
        assert answered(cert=(files["client.pem"], files["client.key"])) == 200


def test_tls_is_not_lost_on_the_way(authority: Authority) -> None:
    path = written(authority.directory, {"tls_server_config": TLS, "basic_auth_users": {"a": HASH}})
    web = WebConfigReloader(path)
    written(authority.directory, {"basic_auth_users": {"a": HASH, "b": HASH}})
    with structlog.testing.capture_logs() as logs:
        assert web.context is not None
        assert web.config.basic_auth_users.keys() == {"a"}
    assert [line["problem"] for line in logs] == [
        f"{path}: tls_server_config: is new or gone; TLS is switched on and off by a restart"
    ]


def test_a_file_that_is_not_there_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        WebConfigReloader(str(tmp_path / "web.yml"))
