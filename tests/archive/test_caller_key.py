"""Test the key with which numbers of hidden callers are hashed."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from exporter.archive.caller_key_file import KeyFile, key_file
from exporter.archive.criteria import Criteria
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.config.loader import load_storage
from exporter.config.settings import Storage
from exporter.config.yaml_file import ConfigError
from tests.support.archive_contents import tables
from tests.support.archive_with_visibility import SINCE, UNTIL, ArchiveWithVisibility
from tests.support.search_ways import command


@pytest.fixture(params=["masked", "hidden"])
def protected(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> ArchiveWithVisibility:
    return ArchiveWithVisibility(database, tmp_path, request.param)


def test_caller_key_file_is_created_once_and_readable_by_its_owner_only(
    protected: ArchiveWithVisibility,
) -> None:
    path = protected.key_file.path
    before = path.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    protected.archive.load()
    assert path.read_text() == before
    assert [each.name for each in path.parent.iterdir() if each.name.startswith("tmp")] == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda path: path.unlink(), "cannot be read: No such file or directory"),
        (
            lambda path: path.write_text("another key of more than 32 characters"),
            "found another key than",
        ),
        (lambda path: path.write_text(path.read_text()[:40]), "found another key than"),
        (lambda path: path.write_text("short"), "holds 5 characters, expected at least 32"),
    ],
)
def test_archive_with_another_key_is_rejected_and_unchanged(
    database: str, tmp_path: Path, change: Callable[[Path], object], error: str
) -> None:
    protected = ArchiveWithVisibility(database, tmp_path, "hidden")
    before = tables(database)
    change(protected.key_file.path)
    with pytest.raises(ArchiveError, match=error):
        protected.archive.load()
    with pytest.raises(ArchiveError, match=error):
        protected.search("+33 1 22 33 44 55")
    printed = command(database, "--from=1", "--caller=3312233", storage=tmp_path)
    assert (printed.code, printed.out, error in printed.err) == (1, "", True)
    assert list(protected.archive.search(Criteria(SINCE, UNTIL)))
    assert tables(database) == before


def test_caller_key_that_is_lost_is_replaced_after_all_hashes_are_deleted(
    database: str, tmp_path: Path
) -> None:
    protected = ArchiveWithVisibility(database, tmp_path, "hidden")
    protected.key_file.path.unlink()
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM forgotten"))
        connection.execute(text("UPDATE calls SET caller_hash = NULL"))
        connection.execute(text("DELETE FROM state WHERE name = 'caller_key'"))
    engine.dispose()
    protected.archive.load()
    assert protected.key_file.path.exists()


def test_caller_key_file_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match=r"caller\.key: cannot be created: .*storage\.key_file"):
        Archive("sqlite://", key_file("", str(tmp_path / "file"))).load()


def test_caller_key_file_of_the_configuration_is_not_created(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "mine", made_here=False)
    with pytest.raises(ArchiveError, match="mine cannot be read"):
        Archive("sqlite://", file).load()
    (tmp_path / "mine").write_text("x" * 32)
    Archive("sqlite://", file).load()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "which cannot be read: No such file"),
        ("short", "which holds 5 characters, expected at least 32"),
    ],
)
def test_load_storage_with_an_invalid_key_file_is_rejected(
    tmp_path: Path, content: str | None, error: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    (tmp_path / "aircall.yml").write_text(f"storage: {{key_file: {tmp_path}/key}}\n")
    with pytest.raises(ConfigError, match=f"storage.key_file: found .*, {error}"):
        load_storage(str(tmp_path / "aircall.yml"), {})
    (tmp_path / "key").write_text("x" * 32)
    assert load_storage(str(tmp_path / "aircall.yml"), {}) == Storage(key_file=f"{tmp_path}/key")
