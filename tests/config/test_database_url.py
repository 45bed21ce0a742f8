"""Test that a SQLite database in memory is rejected at the start, in any notation of its address."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from exporter.archive.open_archive import opened
from exporter.config.database_url import location
from exporter.config.loader import load
from exporter.config.settings import Storage
from exporter.config.yaml_file import ConfigError
from harness.process import run

CREDENTIAL = {"AIRCALL_API_ID": "0123456789abcdef", "AIRCALL_API_TOKEN": "fedcba9876543210"}

IN_MEMORY = [
    "sqlite://",
    "sqlite:///",
    "sqlite:///:memory:",
    "sqlite:///?uri=true",
    "sqlite:///:memory:?cache=shared",
    "sqlite:///:memory:?cache=shared&uri=true",
    "sqlite:///file:?uri=true",
    "sqlite:///file:?cache=shared&uri=true",
    "sqlite:///file::memory:?uri=true",
    "sqlite:///file::memory:?uri=true&cache=shared",
    "sqlite:///file:%3Amemory%3A?uri=true",
    "sqlite:///file:%253Amemory%253A?uri=true",
    "sqlite:///file:x?mode=memory&uri=true",
    "sqlite:///file:x?uri=true&%6dode=memory",
    "sqlite:///file:x?mode=memory&cache=shared&uri=1",
    "sqlite:///file:x%3fmode=memory?uri=true",
    "sqlite:///file:x%3Fmode%3Dmemory?uri=true",
    "sqlite:///file:x%3Fmode=mem%256Fry?uri=true",
    "sqlite:///file:x%3Fm%256Fde=memory?uri=true",
    "sqlite:///file:x%3Fcache=shared%26mode=memory?uri=true",
    "sqlite:///file:%3Fcache=shared?uri=true",
    "sqlite:///file:%3Fmode=memory?uri=true",
    "sqlite:///file:#x?uri=true",
    "sqlite:///file:%23x?uri=true",
    "sqlite:///file:%2500x?uri=true",
    "sqlite:///file:%23%3Fmode=rwc?uri=true",
    "sqlite:///file:m?vfs=memdb&uri=true",
    "sqlite:///file:/m?vfs=memdb&uri=true",
    "sqlite:///file:/m%3Fvfs=memdb?uri=true",
    "sqlite:///file:/m%3Fvfs=m%2565mdb?uri=true",
    "sqlite:///file:{directory}/existing%3Fvfs=memdb?uri=true",
    "sqlite:///file:{directory}/existing%3Fmode=memory?uri=true",
    "sqlite+pysqlite:///file:x%3Fmode=memory?uri=true",
]

ELSEWHERE = [
    "sqlite:///file:x%23y?uri=true",
    "sqlite:///file:x%2500y?uri=true",
    "sqlite:////dev/null",
    "sqlite:///file:/dev/null?uri=true",
]
"""Addresses with which SQLite opens another file than they seem to name, or a file that stores nothing."""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "existing").touch()
    return tmp_path


def open_as_configured(url: str) -> None:
    storage = load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL": url}).storage
    opened(storage, ".").close()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("url", [*IN_MEMORY, *ELSEWHERE])
def test_opened_with_a_database_that_is_kept_in_no_file_is_refused(directory: Path, url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_as_configured(url.format(directory=directory))
    assert "found a SQLite database " in str(refused.value)
    assert "expected postgresql+psycopg://user@host/aircall or a file such as sqlite:" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", IN_MEMORY[-10:])
def test_opened_with_create_false_refuses_a_database_in_memory_too(directory: Path, url: str) -> None:
    (directory / "m").touch()
    (directory / "x").touch()
    with pytest.raises(Exception, match=r"found a SQLite database |file not found"):
        opened(Storage(url=url.format(directory=directory)), ".", create=False)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///a.sqlite", "a.sqlite"),
        ("sqlite:///{directory}/a.sqlite", "a.sqlite"),
        ("sqlite:///file:a.sqlite?uri=true", "a.sqlite"),
        ("sqlite:///file:{directory}/a%20b.sqlite?uri=true", "a b.sqlite"),
        ("sqlite:///file:a%2523b?uri=true", "a#b"),
        ("sqlite:///file:a.sqlite?uri=true&cache=private&mode=rwc", "a.sqlite"),
        ("sqlite:///a%20b#c.sqlite", "a b#c.sqlite"),
        ("sqlite:///file::memory:", "file::memory:"),
        ("sqlite:///link", "existing"),
    ],
)
def test_opened_with_a_file_keeps_the_archive_in_it(directory: Path, url: str, file: str) -> None:
    (directory / "link").symlink_to("existing")
    storage = load(None, CREDENTIAL | {"AIRCALL_STORAGE_URL": url.format(directory=directory)}).storage
    archive = opened(storage, ".")
    archive.load()
    archive.close()
    assert (directory / file).stat().st_size > 4096


def test_command_with_a_database_in_memory_ends_with_one_line(directory: Path) -> None:
    environ = CREDENTIAL | {"AIRCALL_STORAGE_URL": "sqlite:///file:x%3Fmode=mem%256Fry?uri=true"}
    ended = run("--web.listen-address=127.0.0.1:0", **environ)
    assert ended.returncode == 2
    assert ended.stderr.startswith("aircall-exporter: storage.url: found a SQLite database in memory")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql+psycopg://aircall:the-password@db.example.com:5433/calls?password=x&sslmode=require",
            "postgresql+psycopg://aircall@db.example.com:5433/calls",
        ),
        ("sqlite:////data/link/../archive.sqlite", "/data/archive.sqlite"),
        ("sqlite:///archive.sqlite", f"{Path.cwd()}/archive.sqlite"),
        ("sqlite:///file:/data/mine?uri=true", "/data/mine"),
    ],
)
def test_location_is_absolute_and_has_no_password(url: str, shown: str) -> None:
    assert location(make_url(url)) == shown


@pytest.mark.parametrize("name", ["acct?a", "p%41", "a#b", "a b", ":memory:", "file:z?mode=memory", "é"])
def test_opened_without_an_address_keeps_the_archive_in_the_directory(tmp_path: Path, name: str) -> None:
    archive = opened(Storage(), str(tmp_path / name))
    archive.load()
    archive.close()
    assert (tmp_path / name / "archive.sqlite").stat().st_size > 0
    assert [each.name for each in tmp_path.iterdir()] == [name]
