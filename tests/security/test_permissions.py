"""The exporter warns of a secret that all users of the machine can read."""

from pathlib import Path

import pytest

from exporter.cli.permissions import VARIABLES, world_readable_secrets
from exporter.web.config import NO_WEB_CONFIG, load_web_config
from harness.process import process
from tests.support.authority import TLS, Authority, written


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("postgresql+psycopg://u:p@h/d")
    return file


@pytest.mark.parametrize(("mode", "said"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
@pytest.mark.parametrize(
    "content",
    [
        "aircall: {{api_token: x}}",
        "aircall: {{api_token_file: {secret}}}",
        "storage: {{url: 'postgresql+psycopg://u:p@h/d'}}",
        "storage: {{key_file: {secret}}}",
        "webhook: {{token: x}}",
        "webhook: {{token_file: {secret}}}",
    ],
)
def test_files_that_hold_a_secret(tmp_path: Path, secret: Path, content: str, mode: int, said: bool) -> None:
    config = tmp_path / "aircall.yml"
    config.write_text(content.format(secret=secret))
    holds_it = secret if str(secret) in config.read_text() else config
    for file in (config, secret):
        file.chmod(0o644 if file != holds_it else mode)
    assert world_readable_secrets(str(config), NO_WEB_CONFIG, {}) == [str(holds_it)] * said


@pytest.mark.parametrize("variable", VARIABLES)
def test_files_that_the_environment_names(secret: Path, variable: str) -> None:
    secret.chmod(0o644)
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: str(secret)}) == [str(secret)]
    secret.chmod(0o400)
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: str(secret)}) == []
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: "/run/secrets/token"}) == []


def test_a_key_of_tls(authority: Authority) -> None:
    web, key = load_web_config(written(authority.directory, {"tls_server_config": TLS})), "server.key"
    (authority.directory / key).chmod(0o644)
    assert world_readable_secrets(None, web, {}) == [str(authority.directory / key)]
    (authority.directory / key).chmod(0o600)
    assert world_readable_secrets(None, web, {}) == []


def test_a_configuration_without_a_secret_is_for_everybody(tmp_path: Path) -> None:
    config = tmp_path / "aircall.yml"
    for content in ("", "sla: 8s", "storage: {url: 'sqlite:////x'}", "aircall: null", "storage:"):
        config.write_text(content)
        config.chmod(0o644)
        assert world_readable_secrets(str(config), NO_WEB_CONFIG, {}) == []


def test_it_is_said_at_the_start(tmp_path: Path, secret: Path) -> None:
    secret.write_text("the-token")
    secret.chmod(0o644)
    address = {"AIRCALL_API_ID": "id", "AIRCALL_BASE_URL": "http://127.0.0.1:9"}
    with process(f"--storage.path={tmp_path}", **address, AIRCALL_API_TOKEN_FILE=str(secret)) as one:
        line = one.logged("secret file is world-readable")
        assert f"chmod o-r {secret}" in line.string
        assert not [line for line in one.lines if "the-token" in line]
