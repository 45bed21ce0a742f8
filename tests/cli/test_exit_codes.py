"""Test that `calls` and `forget` exit with FAILED after any error of the archive."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.cli import calls as search
from exporter.cli.exit_codes import ExitCode
from harness.addresses import free_address
from harness.process import COMMAND, run
from tests.support.search_ways import command

COMMANDS = [
    ("calls", ["--from=1d"]),
    ("report", []),
    ("forget", ["--yes", "+33 1"]),
    ("forget", ["--dry-run", "+33 1"]),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return an archive without calls."""
    file = tmp_path / "archive.sqlite"
    archive = Archive(f"sqlite:///{file}")
    archive.load()
    archive.close()
    return file


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def fill_with_garbage(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def replace_by_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def drop_table(file: Path) -> None:
    execute(file, "DROP TABLE calls")


def delete_version(file: Path) -> None:
    execute(file, "DELETE FROM state WHERE name = 'version'")


def invalidate_version(file: Path) -> None:
    execute(file, "UPDATE state SET value = 'x' WHERE name = 'version'")


def raise_version(file: Path) -> None:
    execute(file, "UPDATE state SET value = '99' WHERE name = 'version'")


def execute(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute(statement)
    connection.commit()
    connection.close()


DAMAGES = [
    remove,
    empty,
    fill_with_garbage,
    cut_off,
    replace_by_directory,
    drop_table,
    delete_version,
    invalidate_version,
    raise_version,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_command_on_damaged_archive_fails(file: Path, damage: Callable[[Path], None]) -> None:
    damage(file)
    for name, arguments in COMMANDS:
        printed = command(f"sqlite:///{file}", *arguments, name=name)
        assert (printed.code, printed.out) == (ExitCode.FAILED, ""), printed
        assert printed.err.startswith(f"aircall-exporter: {name}: ")
        assert printed.err.count("\n") == 1
    assert file.exists() == (damage is not remove)


def test_command_without_a_database_server_fails() -> None:
    for name, arguments in COMMANDS:
        printed = command(f"postgresql+psycopg://aircall@{free_address()}/missing", *arguments, name=name)
        assert printed.code == ExitCode.FAILED
        assert printed.err.count("\n") == 1


@pytest.mark.parametrize("error", [OSError("disk"), ArchiveError("away")])
def test_calls_whose_search_fails_prints_the_error(
    file: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(search, "totals", fail)
    printed = command(f"sqlite:///{file}", "--from=1d")
    assert (printed.code, printed.err) == (ExitCode.FAILED, f"aircall-exporter: calls: {error}\n")


def test_calls_printed_to_a_full_disk_fails(file: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, f"--storage.path={file.parent}", "calls", "--from=1d"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == ExitCode.FAILED
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_storage_path_that_is_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    directory = os.fsdecode(bytes(tmp_path) + b"/\xe9")
    ended = run(f"--storage.path={directory}", "demo", "--web.listen-address=127.0.0.1:0")
    assert ended.returncode == ExitCode.FAILED
    assert "is not UTF-8, expected a directory whose name is" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
