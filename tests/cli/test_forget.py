"""Test the command `forget`: no data of the caller is left or archived again, and all counters stay."""

import os
import pty
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails, Comment, Tag
from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.store import Archive
from exporter.config.settings import Caller
from harness.expected_counts import counted, to_be_counted
from harness.process import COMMAND, run
from harness.simulated_time import NOON
from tests.support.archive_contents import found_in, tables
from tests.support.request_driven_company import Company
from tests.support.running import eventually
from tests.support.search_ways import command

ADA, BOB = "+33 1 22 33 44 55", "+33 1 99 33 44 55"
VISIBILITIES = pytest.mark.parametrize("visibility", ["full", "masked", "hidden"])


def records(visibility: Caller) -> dict[int, CallRecord]:
    """Return calls of two callers whose numbers end with the same digits, in several formats."""
    comments = Comment("of Ada"), Comment("and her sister")
    details = CallDetails((Tag("VIP"),), comments, "https://x/1", "https://x/r", "https://x/v", {"id": 456})
    numbers = (ADA, BOB, "331 22.33.44.55", "anonymous", None, "455", ADA, "+33 1 22 33 44 5")
    return {
        id_: CallRecord(Call(id_, "inbound", "done", int(NOON), raw_digits=number), details, visibility)
        for id_, number in enumerate(numbers)
    }


IDS_OF_ADA = {0, 2, 6}


def opened_archive(database: str, directory: Path) -> Archive:
    archive = Archive(database, key_file("", str(directory)))
    archive.load()
    return archive


@VISIBILITIES
def test_erase_of_saved_calls_equals_erase_before_they_are_saved(
    new_database: Callable[[], str], tmp_path: Path, visibility: Caller
) -> None:
    before, after = new_database(), new_database()
    archive = opened_archive(before, tmp_path)
    archive.save(Batch(records=records(visibility)))
    assert archive.count_calls_of(ADA) == 3
    assert archive.erase("33 12 23 34 45 5", 0) == 3
    strict = opened_archive(after, tmp_path)
    assert strict.erase(ADA, 0) == 0
    strict.save(Batch(records=records(visibility)))
    assert tables(before) == tables(after)
    assert {row.id for row in tables(before)["calls"] if row.caller == "forgotten"} == IDS_OF_ADA
    for table in ("call_tags", "call_comments"):
        assert {row.call_id for row in tables(before)[table]} == set(range(8)) - IDS_OF_ADA
    archive.save(Batch(records=records(visibility)))
    assert tables(before) == tables(after)
    assert (archive.count_calls_of(ADA), archive.erase(ADA, 9)) == (0, 0)
    assert tables(before) == tables(after)


@VISIBILITIES
@pytest.mark.parametrize(
    ("caller", "spelling"),
    [
        ("*31#+33 1 22 33 44 55", "*31#+33122334455"),
        ("*4567", "*4567"),
        ("sip:john.doe@example.com", "SIP:John.Doe@example.com"),
        ("sip:john2@example.com", "sip:john2@example.com"),
        ("\u0663\u0663", "\u0663\u0663"),
        ("50%_off\x00", "50%_OFF"),
    ],
)
def test_caller_in_any_form_is_forgotten_and_no_other_one(
    database: str, tmp_path: Path, visibility: Caller, caller: str, spelling: str
) -> None:
    callers = (ADA, caller, "sip:mary2@example.com", "2", "sip:john.doe@example.org", "502off", "31", caller)
    calls = {
        id_: CallRecord(Call(id_, "inbound", "done", int(NOON), raw_digits=each), CallDetails(), visibility)
        for id_, each in enumerate(callers)
    }
    archive = opened_archive(database, tmp_path)
    archive.save(Batch(records=calls))
    assert archive.count_calls_of(spelling) == archive.erase(spelling, 0) == 2
    archive.save(Batch(records=calls))
    assert {row.id for row in tables(database)["calls"] if row.caller == "forgotten"} == {1, 7}


@VISIBILITIES
def test_erase_and_purge_leave_no_number_in_any_file(tmp_path: Path, visibility: Caller) -> None:
    archive = opened_archive(sqlite_url(str(tmp_path)), tmp_path)
    archive.save(Batch(records=records(visibility)))
    assert found_in(tmp_path, {ADA}) == ({ADA} if visibility == "full" else set())
    archive.erase(ADA, 0)
    assert archive.purge_deleted_data()
    numbers = {ADA, "331 22.33.44.55"}
    assert found_in(tmp_path, numbers) == set()
    for call in IDS_OF_ADA:
        archive.save(Batch(records={call: records(visibility)[call]}))
    assert found_in(tmp_path, numbers) == set()


@VISIBILITIES
def test_erase_while_calls_are_saved_and_hidden_erases_all_of_them(
    database: str, tmp_path: Path, visibility: Caller
) -> None:
    callers = [f"+33 1 00 00 {n:02} 00" for n in range(30)]
    saving, forgetting = opened_archive(database, tmp_path), opened_archive(database, tmp_path)
    for position, number in enumerate(callers):
        record = CallRecord(
            Call(position, "inbound", "done", int(NOON), raw_digits=number), CallDetails(), visibility
        )
        saving.save(Batch(records={position: replace(record, shown="full")}))
        both = threading.Barrier(2)

        def save(record: CallRecord = record, both: threading.Barrier = both) -> None:
            both.wait(30)
            saving.save(Batch(records={record.call.id: record}))
            saving.hide("masked")

        with ThreadPoolExecutor() as threads:
            saved = threads.submit(save)
            both.wait(30)
            forgetting.erase(number, 0)
        saved.result()
    assert {row.caller for row in tables(database)["calls"]} == {"forgotten"}
    assert {row.caller_hash for row in tables(database)["calls"]} == {None}


def test_forget_with_a_running_exporter_covers_later_calls_and_keeps_counters(
    database: str, tmp_path: Path
) -> None:
    visibility = "full" if database.startswith("sqlite") else "masked"
    company = Company(database, tmp_path, seconds_per_request=2, caller=visibility)
    account, ids = company.account, list[int]()

    def ring() -> None:
        number = next(iter(account.numbers))
        ids.append(account.ring_in(number, ADA).id)
        account.miss(ids[-1], "short_abandoned", voicemail=True)
        account.comment(ids[-1], "of Ada")
        eventually(lambda: ids[-1] in {row.id for row in company.rows()})

    with company.aircall, company.exporter():
        eventually(company.progress)
        for _ in range(3):
            ring()
        dry = run(*company.flags, "forget", ADA, "--dry-run")
        assert (dry.returncode, dry.stdout, dry.stderr) == (0, "3 calls would be changed\n", "")
        done = run(*company.flags, "forget", ADA, "--yes")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("3 calls changed; ")
        account.tag(ids[0], "VIP")
        ring()
    with company.aircall, company.exporter() as exporter:
        ring()
        scrape = company.fetch_all(exporter)
    archived = {row.id: row for row in company.rows()}
    assert {archived[id_].caller for id_ in ids} == {"forgotten"}
    assert [row for row in archived.values() if row.caller == "forgotten" and row.id not in ids] == []
    assert not {row.call_id for row in tables(database)["call_comments"]} & set(ids)
    assert not {row.call_id for row in tables(database)["call_tags"]} & set(ids)
    assert counted(scrape) == to_be_counted(company.account)
    if visibility == "full":
        assert found_in(tmp_path, {ADA}) == set()


def archive_url(tmp_path: Path) -> str:
    """Return the URL of an archive with a few calls."""
    database = sqlite_url(str(tmp_path))
    opened_archive(database, tmp_path).save(Batch(records=records("masked")))
    return database


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        ([ADA, "--dry-run"], 0, "3 calls would be changed\n", ""),
        (
            [ADA, "--yes"],
            0,
            "3 calls changed; later calls of this caller are archived without personal data",
            "",
        ),
        ([BOB, "--yes"], 0, "1 call changed; later calls", ""),
        (["+33 1 22 33 44 56", "--dry-run"], 3, "0 calls would be changed\n", ""),
        (["+33 1 22 33 44 56", "--yes"], 3, "0 calls changed; ", ""),
        (["anonymous", "--yes"], 2, "", 'NUMBER: found "anonymous", expected a phone number or an address\n'),
        ([ADA], 2, "", "standard input is not a terminal; pass --yes\n"),
        ([], 2, "", "the following arguments are required: NUMBER, see --help\n"),
    ],
)
def test_forget_without_a_terminal_prints_the_result(
    tmp_path: Path, arguments: list[str], code: int, out: str, err: str
) -> None:
    printed = command(archive_url(tmp_path), *arguments, name="forget", storage=tmp_path)
    assert (printed.code, printed.out[: len(out)], printed.err[-len(err) or None :]) == (code, out, err)
    assert printed.err.count("\n") == (1 if err else 0)


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y", 0, 0), ("yes", 0, 0), ("n", 130, 3), ("", 130, 3)]
)
def test_forget_on_a_terminal_asks_for_confirmation(
    tmp_path: Path, answer: str, code: int, left: int
) -> None:
    database = archive_url(tmp_path)
    terminal, standard_input = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    done = subprocess.run(
        [*COMMAND, f"--storage.path={tmp_path}", "forget", ADA],
        stdin=standard_input,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(terminal)
    os.close(standard_input)
    assert (done.returncode, opened_archive(database, tmp_path).count_calls_of(ADA)) == (code, left)
    assert "3 calls will lose their caller, comments, tags, assignee" in done.stdout


def test_forget_without_an_archive_or_its_key_fails(tmp_path: Path) -> None:
    without_archive = run(f"--storage.path={tmp_path}/none", "forget", ADA, "--yes")
    assert without_archive.returncode == 1
    assert "has no call archive; name the exporter's --storage.path" in without_archive.stderr
    database = archive_url(tmp_path)
    without_key = command(database, ADA, "--yes", name="forget")
    assert without_key.code == 1
    assert "the key of the archive's callers: " in without_key.err
    assert opened_archive(database, tmp_path).count_calls_of(ADA) == 3


def test_save_without_the_key_of_forgotten_callers_is_rejected(tmp_path: Path) -> None:
    database = archive_url(tmp_path)
    opened_archive(database, tmp_path).erase(ADA, 0)
    keyless = Archive(database)
    keyless.load()
    with pytest.raises(ArchiveError, match="the key that identifies them is missing"):
        keyless.save(Batch(records=records("full")))
