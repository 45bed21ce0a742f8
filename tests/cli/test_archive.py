"""Test the command `archive backup`: each copy is complete and private, also while an exporter writes."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails
from exporter.archive.caller_key_file import NAME, key_file
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.store import Archive
from harness.addresses import free_address
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.process import run
from harness.simulated_time import NOON
from tests.support.archive_contents import rows, tables
from tests.support.request_driven_company import Company
from tests.support.running import eventually
from tests.support.search_ways import Printed, command


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return the file of an archive with one call."""
    saved = Archive(sqlite_url(str(tmp_path)), key_file("", str(tmp_path)))
    saved.load()
    call = Call(1, "inbound", "done", int(NOON), raw_digits="+33 1 22 33 44 55")
    saved.save(Batch(records={1: CallRecord(call, CallDetails(), "masked")}))
    saved.close()
    return tmp_path / "archive.sqlite"


def back_up(archive: Path, to: Path) -> Printed:
    return command(f"sqlite:///{archive}", "backup", str(to), name="archive", storage=archive.parent)


def counts_of(copy: Path) -> tuple[int, int]:
    """Load a copy. Returns how many calls its counters have, and how many of its calls are counted."""
    loaded = Archive(f"sqlite:///{copy}")
    totals = loaded.load().totals
    loaded.close()
    counted_calls = sum(row.counted for row in rows(f"sqlite:///{copy}"))
    return sum(value for key, value in totals if key[0] == "calls"), counted_calls


def counted_calls(company: Company) -> int:
    return sum(row.counted for row in company.rows())


def until_more_are_counted(company: Company, than: int) -> int:
    return eventually(lambda: found if (found := counted_calls(company)) > than else None)


def test_backups_of_a_running_exporter_are_consistent_and_can_be_restored(tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    company = Company(f"sqlite:///{file}", tmp_path, seconds_per_request=10)
    copies = [tmp_path / "first.sqlite", tmp_path / "last.sqlite"]
    counts = [0]
    with company.aircall, company.exporter():
        eventually(company.progress)
        for copy in copies:
            counts.append(until_more_are_counted(company, counts[-1]))
            done = run(*company.flags, "archive", "backup", str(copy))
            assert (done.returncode, done.stderr) == (0, "")
        until_more_are_counted(company, counts[-1])
    for copy, least in zip(copies, counts[1:], strict=True):
        total, calls = counts_of(copy)
        assert total == calls >= least
    for name in ("archive.sqlite-wal", "archive.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copies[1].rename(file)
    with company.aircall, company.exporter() as exporter:
        scrape = company.fetch_all(exporter)
    assert counted(scrape) == to_be_counted(company.account)
    assert archived_calls(company.rows()) == expected_calls(company.account)


def test_a_backup_is_one_private_file_with_all_tables(archive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "archive of today.sqlite"
    copy.parent.mkdir()
    copy.parent.chmod(0o755)
    done = back_up(archive, copy)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{archive} is copied to {copy} ({copy.stat().st_size} bytes)\n")
    assert f"Keep {archive.with_name(NAME)} too" in done.out
    assert [each.name for each in copy.parent.iterdir()] == [copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    copy.parent.chmod(0o500)  # it can be read where no log can be written
    assert sqlite3.connect(f"file:{copy}?mode=ro", uri=True).execute("SELECT id FROM calls").fetchall() == [
        (1,)
    ]
    copy.parent.chmod(0o700)
    assert tables(f"sqlite:///{copy}") == tables(f"sqlite:///{archive}")
    with pytest.raises(ArchiveError, match=rf"the key of the archive's callers: {copy.parent}/caller.key"):
        Archive(f"sqlite:///{copy}", key_file("", str(copy.parent))).load()


def test_backup_to_an_existing_file_is_rejected(archive: Path, tmp_path: Path) -> None:
    existing, dangling = tmp_path / "existing", tmp_path / "dangling"
    existing.write_text("other data")
    dangling.symlink_to(tmp_path / "nowhere")
    before = set(tmp_path.iterdir())
    for file in (existing, dangling, archive):
        done = back_up(archive, file)
        problem = f"FILE: {file} exists, expected the name of a new file"
        assert done == (2, "", f"aircall-exporter: archive: {problem}\n")
    assert existing.read_text() == "other data"
    assert set(tmp_path.iterdir()) == before


def test_backup_to_a_missing_directory_is_rejected(archive: Path, tmp_path: Path) -> None:
    done = back_up(archive, tmp_path / "none" / "copy")
    problem = f"FILE: {tmp_path}/none/copy cannot be created: No such file or directory"
    assert done == (2, "", f"aircall-exporter: archive: {problem}\n")


def test_backup_of_a_damaged_archive_fails_and_leaves_no_file(archive: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(archive)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'names'"
        ((page,),) = connection.execute(query)
    content = bytearray(archive.read_bytes())
    content[4096 * (page - 1) : 4096 * page] = bytes(4096)
    archive.write_bytes(content)
    before = set(tmp_path.iterdir())
    done = back_up(archive, tmp_path / "copy")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "the archive is damaged and was not copied: *** in database main *** " in done.err
    assert set(tmp_path.iterdir()) == before


def test_backup_of_no_archive_fails(tmp_path: Path) -> None:
    done = run(f"--storage.path={tmp_path}", "archive", "backup", str(tmp_path / "copy"))
    assert done.returncode == 1
    assert "has no call archive; name the exporter's --storage.path" in done.stderr


def test_backup_of_an_archive_on_postgresql_names_pg_dump(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://aircall@{free_address()}/aircall"
    done = command(url, "backup", str(tmp_path / "copy"), name="archive")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "use pg_dump --format=custom --file=FILE DATABASE" in done.err
    assert list(tmp_path.iterdir()) == []
