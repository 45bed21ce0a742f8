"""Saved data is on disk: the archive, the caller key and the webhook token."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text

from exporter.account.records import Batch
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.webhooks.token_file import TokenFile
from harness.postgres import Postgres
from tests.support.stack import program

PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}


def test_sqlite_archive_writes_each_transaction_to_disk(tmp_path: Path) -> None:
    archive = Archive(sqlite_url(str(tmp_path)))
    archive.load()
    with archive._engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    archive.close()
    assert found == PRAGMAS


SAVE = """
import os, sys
from exporter.archive.database import sqlite_url
from exporter.account.records import Batch
from exporter.archive.store import Archive

archive = Archive(sqlite_url(sys.argv[1]))
archive.load()
for number in range(20):
    archive.save(Batch(names={("user", str(number)): "a name"}))
    os.write(2, b"saved")
"""


def test_sqlite_archive_leaves_nothing_unsynced_once_a_batch_is_saved(tmp_path: Path) -> None:
    log = tmp_path / "calls.txt"
    calls = "trace=write,pwrite64,fsync,fdatasync"
    strace = [program("strace", "strace"), "-f", "-y", "-e", calls, "-o", str(log)]
    command = [*strace, sys.executable, "-c", SAVE, str(tmp_path / "data")]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    unsynced: set[str] = set()
    saved = 0
    for line in log.read_text().splitlines():
        found = re.match(r"\d+ +(\w+)\(\d+<([^>]*)>", line)
        if found is None:  # such as the end of a thread
            continue
        call, path = found.groups()
        if call == "pwrite64" and "archive.sqlite" in path:
            unsynced.add(path)
        if call in ("fsync", "fdatasync"):
            unsynced.discard(path)
        if call == "write" and '"saved"' in line:
            saved += 1
            assert not {path for path in unsynced if not path.endswith("-shm")}
    assert saved == 20


@pytest.mark.parametrize(
    ("configured", "in_force"),
    [("off", "on"), ("local", "local"), ("remote_write", "remote_write"), ("on", "on")],
)
def test_postgresql_archive_with_any_synchronous_commit_waits_for_the_disk(
    postgres_server: Postgres, configured: str, in_force: str
) -> None:
    url = postgres_server.database("durable")
    engine = create_engine(url)
    with engine.begin() as connection:
        database = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{database}" SET synchronous_commit = {configured}'))
    engine.dispose()
    archive, found = Archive(url), list[str | None]()
    archive.load()
    event.listen(
        archive._engine,
        "commit",
        lambda connection: found.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar()),
    )
    archive.save(Batch(names={("user", "1"): "a name"}))
    archive.close()
    assert found == [in_force]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Return the files and directories that are written to disk, in order."""
    found: list[Path] = []
    fsync = os.fsync

    def log_and_sync(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", log_and_sync)
    yield found


def test_caller_key_after_it_is_made_is_on_disk(tmp_path: Path, synced: list[Path]) -> None:
    directory = tmp_path / "new" / "data"
    file = KeyFile(directory / "caller.key", made_here=True)
    file.make()
    assert [path.parent if path.parent == directory else path for path in synced] == [
        directory.parent,
        tmp_path,
        directory,
        directory,
    ]
    assert file.read().fingerprint


def test_archive_directory_after_its_creation_is_on_disk(tmp_path: Path, synced: list[Path]) -> None:
    sqlite_url(str(tmp_path / "new" / "data"))
    assert synced == [tmp_path / "new", tmp_path]
    synced.clear()
    sqlite_url(str(tmp_path / "new" / "data"))
    assert synced == []


def test_webhook_token_after_it_is_put_is_on_disk(tmp_path: Path, synced: list[Path]) -> None:
    with TokenFile(tmp_path / "webhook.token") as file:
        file.put("a token")
    assert [path.parent for path in synced] == [tmp_path, tmp_path.parent]
    assert synced[-1] == tmp_path
