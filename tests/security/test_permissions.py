"""Test that the exporter's files are private, and the warning about secrets that all users can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.archive.open_archive import opened
from exporter.cli.permissions import VARIABLES, is_open_to_all, world_readable_secrets
from exporter.config.settings import Storage
from exporter.web.config import NO_WEB_CONFIG, load_web_config
from harness.process import process
from tests.support.authority import TLS, Authority, written


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("postgresql+psycopg://u:p@h/d")
    return file


@pytest.mark.parametrize(
    ("mode", "is_readable"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)]
)
@pytest.mark.parametrize(
    "content",
    [
        "aircall: {{api_token: x}}",
        "aircall: {{api_token_file: {secret}}}",
        "storage: {{url: 'postgresql+psycopg://u:p@h/d'}}",
        "storage: {{key_file: {secret}}}",
        "webhook: {{token: x}}",
        "webhook: {{token_file: {secret}}}",
        "grafana_live: {{token_file: {secret}}}",
    ],
)
def test_world_readable_secrets_returns_configured_files_that_others_can_read(
    tmp_path: Path, secret: Path, content: str, mode: int, is_readable: bool
) -> None:
    config = tmp_path / "aircall.yml"
    config.write_text(content.format(secret=secret))
    holder = secret if str(secret) in config.read_text() else config
    for file in (config, secret):
        file.chmod(0o644 if file != holder else mode)
    assert world_readable_secrets(str(config), NO_WEB_CONFIG, {}) == [str(holder)] * is_readable


@pytest.mark.parametrize("variable", VARIABLES)
def test_world_readable_secrets_returns_files_named_by_variables(secret: Path, variable: str) -> None:
    secret.chmod(0o644)
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: str(secret)}) == [str(secret)]
    secret.chmod(0o400)
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: str(secret)}) == []
    assert world_readable_secrets(None, NO_WEB_CONFIG, {variable: "/run/secrets/token"}) == []


def test_world_readable_secrets_returns_the_tls_key(authority: Authority) -> None:
    web = load_web_config(written(authority.directory, {"tls_server_config": TLS}))
    key = authority.directory / "server.key"
    key.chmod(0o644)
    assert world_readable_secrets(None, web, {}) == [str(key)]
    key.chmod(0o600)
    assert world_readable_secrets(None, web, {}) == []


def test_world_readable_secrets_of_a_file_without_a_secret_is_empty(tmp_path: Path) -> None:
    config = tmp_path / "aircall.yml"
    for content in ("", "sla: 8s", "storage: {url: 'sqlite:////x'}", "aircall: null", "storage:"):
        config.write_text(content)
        config.chmod(0o644)
        assert world_readable_secrets(str(config), NO_WEB_CONFIG, {}) == []


def test_start_with_a_world_readable_secret_logs_a_warning(tmp_path: Path, secret: Path) -> None:
    secret.write_text("the-token")
    secret.chmod(0o644)
    address = {"AIRCALL_API_ID": "id", "AIRCALL_BASE_URL": "http://127.0.0.1:9"}
    with process(f"--storage.path={tmp_path}", **address, AIRCALL_API_TOKEN_FILE=str(secret)) as exporter:
        line = exporter.logged("secret file is world-readable")
        assert f"chmod o-r {secret}" in line.string
        assert not [line for line in exporter.lines if "the-token" in line]


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(directory: Path) -> set[str]:
    return {oct(stat.S_IMODE(each.stat().st_mode)) for each in directory.iterdir()}


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize("address", ["", "sqlite:///{}/mine", "sqlite:///file:{}/mine?uri=true"])
def test_an_archive_is_created_for_the_exporter_alone(tmp_path: Path, address: str) -> None:
    data = tmp_path / "data"
    storage = Storage(url=address.format(data))
    if address:
        data.mkdir()
    else:
        assert opened(storage, str(data)).file == data / "archive.sqlite"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
    archive = opened(storage, str(data))
    archive.load()
    assert archive.file is not None
    assert {each.name.removeprefix(archive.file.name) for each in data.iterdir()} >= {"", "-wal", "-shm"}
    assert modes(data) == {"0o600"}
    for each in data.glob(f"{archive.file.name}*"):
        each.unlink()
    archive.load()
    assert modes(data) == {"0o600"}
    archive.close()


@pytest.mark.parametrize(
    ("of_directory", "of_file", "is_open"),
    [(0o755, 0o644, True), (0o755, 0o640, False), (0o750, 0o644, False)],
)
def test_an_existing_archive_that_all_can_read_is_reported(
    tmp_path: Path, of_directory: int, of_file: int, is_open: bool
) -> None:
    archive = tmp_path / "archive.sqlite"
    assert not is_open_to_all(archive)
    archive.touch()
    archive.chmod(of_file)
    tmp_path.chmod(of_directory)
    assert is_open_to_all(archive) == is_open
    archive.chmod(0o600)
    assert not is_open_to_all(archive)
    log = tmp_path / "archive.sqlite-wal"
    log.touch()
    log.chmod(of_file)
    assert is_open_to_all(archive) == is_open


def test_an_archive_that_all_can_read_is_reported_at_the_start(tmp_path: Path) -> None:
    archive = tmp_path / "archive.sqlite"
    archive.touch()
    archive.chmod(0o644)
    tmp_path.chmod(0o755)
    address = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token", "AIRCALL_BASE_URL": "http://127.0.0.1:9"}
    with process(f"--storage.path={tmp_path}", **address) as one:
        assert f"chmod o-r {archive}*" in one.logged("archive is world-readable").string
        assert f"archive={archive}\n" in one.logged("msg=starting").string + "\n"
