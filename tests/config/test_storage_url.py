"""Test the loading of the database's address."""

from pathlib import Path

import pytest

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from tests.support.config_files import CREDENTIAL


def test_load_storage_url_from_a_file_that_is_wrong_names_the_variable(tmp_path: Path) -> None:
    url = tmp_path / "url"
    url.write_text("nonsense")
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL_FILE": str(url)})
    assert str(rejected.value).startswith(
        f"environment: AIRCALL_STORAGE_URL_FILE: found {url}, which is no address"
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "nonsense",
            "is no address of a database, expected one such as postgresql+psycopg://user@host/aircall",
        ),
        ("postgresql+psycopg://u:secret@h:port/d", "is no address of a database"),
        ("postgresql+nothing://u:secret@h/d", "is no address of a database"),
        (
            "postgresql+psycopg2://u:secret@h/d",
            "found the driver postgresql+psycopg2, which is not supported",
        ),
        (
            "postgresql://u:secret@h/d",
            "found the driver postgresql, which is not supported, expected postgresql+",
        ),
        ("postgresql+psycopg_async://u:secret@h/d", "found the driver postgresql+psycopg_async, which"),
        ("postgresql+asyncpg://u:secret@h/d", "found the driver postgresql+asyncpg, which is not supported"),
        ("sqlite+aiosqlite:////tmp/secret", "found the driver sqlite+aiosqlite, which is not supported"),
        ("postgres://u:secret@h/d", "is of a kind that is not supported, expected postgresql+psycopg://"),
        ("postgresql+psycopg://u:x@secret@h/d", "expected %40 for each @ of a user's name or a password"),
        ("postgresql+psycopg://u:x@h/secret@h/d", "expected %40 for each @ of a user's name or a password"),
        ("postgresql+psycopg://u:secret@/d?host=a,b&port=1", "is no address of a database"),
        ("postgresql+psycopg://u:pw@h/d?port=secret", "is no address of a database"),
        (
            "postgresql+psycopg://u:secret@h/d?plugin=x",
            "has the option plugin, expected an address without it",
        ),
        ("sqlite:////a/secret?plugin=x", "has the option plugin, expected an address without it"),
        ("sqlite:////a/secret?check_same_thread=true", "has the option check_same_thread, expected"),
        ("mysql://u:secret@h/d", "is of a kind that is not supported"),
    ],
)
def test_load_of_an_invalid_database_url_is_rejected_without_its_password(
    tmp_path: Path, url: str, problem: str
) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"storage: {{url: '{url}'}}\n", encoding="utf-8")
    for environ, where in (
        ({}, f"{file}: storage.url: "),
        ({"AIRCALL_STORAGE_URL": url + "x"}, "environment: "),
    ):
        with pytest.raises(ConfigError) as rejected:
            load(str(file), CREDENTIAL | environ)
        assert str(rejected.value).startswith(where)
        assert problem in str(rejected.value)
        assert "secret" not in str(rejected.value)


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://", "sqlite:///%3Amemory%3A"),
        *(
            "sqlite:///file::memory:?uri=true",
            "sqlite:///file:%3Amemory%3A?uri=1",
            "sqlite:///file:?uri=true",
        ),
        "sqlite:///file:calls?mode=memory&cache=shared&uri=true",
        *("sqlite:///file:/calls?vfs=memdb&uri=true", "sqlite:///?cache=shared", "sqlite:///:memory:?x=1"),
    ],
)
def test_load_of_a_database_in_memory_is_rejected_in_one_line(tmp_path: Path, url: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"storage: {{url: '{url}'}}\n", encoding="utf-8")
    for path, environ, where in (
        (str(file), {}, f"{file}: storage.url: "),
        (None, {"AIRCALL_STORAGE_URL": url}, "environment: AIRCALL_STORAGE_URL: "),
    ):
        with pytest.raises(ConfigError) as rejected:
            load(path, CREDENTIAL | environ)
        assert str(rejected.value).startswith(f"{where}found a SQLite database in memory")
        assert "\n" not in str(rejected.value)


@pytest.mark.parametrize(
    "url", ["sqlite:////tmp/calls.sqlite", "sqlite:///file:/tmp/c.sqlite?uri=true", "sqlite:///file::memory:"]
)
def test_load_of_a_database_file_is_accepted(url: str) -> None:
    assert load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL": url}).storage.url == url


def test_load_of_a_storage_url_from_the_environment_returns_and_hides_it(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("sqlite:////tmp/elsewhere.sqlite\n", encoding="utf-8")
    settings = load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL_FILE": str(secret)})
    assert settings.storage.url == "sqlite:////tmp/elsewhere.sqlite"
    assert "elsewhere" not in repr(settings)
