"""Test the command `calls`: its output, errors and exit codes."""

import csv
import io
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.archive.search import CallResult
from exporter.cli import call_table
from harness.process import COMMAND, run
from tests.support.filled_archive import PERIOD, SINCE, UNTIL, Kept
from tests.support.search_ways import command

DAY = (f"--from={SINCE}", f"--to={UNTIL}", "--utc")


def test_calls_in_each_format_prints_the_same_calls(
    kept_archive: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    as_json = command(kept_archive.url, *DAY, "--missed", "--format=json")
    rows = [json.loads(line) for line in as_json.out.splitlines()]
    assert (as_json.code, as_json.err) == (0, "")
    assert rows
    assert {row["outcome"] for row in rows} == {"missed"}
    assert datetime.fromisoformat(rows[0]["started_at"]).tzinfo is not None
    as_csv = command(kept_archive.url, *DAY, "--missed", "--format=csv").out
    listed = list(csv.DictReader(io.StringIO(as_csv)))
    assert [row["id"] for row in listed] == [str(row["id"]) for row in rows]
    table = command(kept_archive.url, *DAY, "--missed").out
    assert len(table.splitlines()) == len(rows) + 2
    assert len(command(kept_archive.url, *DAY, "--limit=3", "--format=json").out.splitlines()) == 3


def test_calls_as_a_table_ends_with_the_totals_of_all_matches(kept_archive: Kept) -> None:
    totals = kept_archive.totals(PERIOD)
    line = command(kept_archive.url, *DAY, "--limit=3").out.splitlines()[-1]
    for part in (
        f"{totals.calls} calls, {totals.inbound} inbound, {totals.outbound} outbound: ",
        f"{totals.answered} answered, {totals.missed} missed, {totals.unanswered} unanswered; ",
        f"answered in {totals.average_seconds_to_answer:.0f}s on average",
    ):
        assert part in line
    empty = command(kept_archive.url, *DAY, "--tag=no such tag")
    assert empty.code == 3
    assert empty.out.splitlines()[-1].startswith("0 calls, ")


def test_calls_with_an_unknown_name_reports_it_and_suggests_another(kept_archive: Kept) -> None:
    user = next(call.user for call in kept_archive.calls if call.user)
    known = [
        f"--user={user.name}",
        f"--user={user.id}",
        "--team=Single Users",
        f"--team={next(iter(kept_archive.account.teams.values())).name}",
        f"--number={next(iter(kept_archive.account.numbers.values())).name}",
    ]
    assert command(kept_archive.url, *DAY, *known).err == ""
    misspelt = user.name[:-1]
    unknown = [f"--user={misspelt}", "--user=77", "--team=Nobody's", "--number=\x1b[2J"]
    printed = command(kept_archive.url, *DAY, *unknown, "--format=json")
    assert (printed.code, printed.out) == (3, "")
    first, *others = printed.err.splitlines()
    unknown_name = "the archive has no"
    assert first == (
        f'aircall-exporter: calls: --user: {unknown_name} user "{misspelt}", did you mean "{user.name}"?'
    )
    assert others == [
        f'aircall-exporter: calls: --user: {unknown_name} user "77"',
        f'aircall-exporter: calls: --team: {unknown_name} team "Nobody\'s"',
        f'aircall-exporter: calls: --number: {unknown_name} number "\\u001b[2J"',
    ]
    both = command(kept_archive.url, *DAY, known[0], "--user=77", "--format=json")
    assert (both.code, both.err.count("\n")) == (0, 1)
    assert both.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--to=now"], "required: --from"),
        (["--from=yesterday"], '--from: found "yesterday", expected a time such as 2026-11-23'),
        (["--from=1h", "--to=2h"], "--to: is before from, expected a later time"),
        (["--from=1h", "--from=2h"], "--from: found 2 times, expected once"),
        ([*DAY, "--longer-than=5"], '--longer-than: found "5", expected a duration such as 10s'),
        ([*DAY, "--direction=up"], "invalid choice: 'up'"),
        ([*DAY, "--tag="], '--tag: found "", expected a text'),
    ],
)
def test_calls_with_an_invalid_argument_prints_one_line(
    kept_archive: Kept, arguments: list[str], error: str
) -> None:
    printed = command(kept_archive.url, *arguments)
    assert (printed.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert error in printed.err


def test_calls_without_an_archive_fails_with_one_line(tmp_path: Path) -> None:
    done = run(f"--storage.path={tmp_path / 'none'}", "calls", *DAY)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "has no call archive; name the exporter's --storage.path" in done.stderr
    assert not (tmp_path / "none").exists()


def test_call_table_with_formulas_or_control_characters_escapes_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = CallResult(
        id=1,
        direction="inbound",
        status="done",
        outcome="missed",
        missed_call_reason="",
        started_at=0,
        answered_at=None,
        ended_at=5,
        left_menu_at=None,
        time_to_answer=None,
        talk_time=None,
        duration=5,
        user_id=1,
        user="=1+1",
        number_id=1,
        number="@x",
        caller="+33 1 22",
        assigned_to="",
        teams=("\x1b[2J",),
        tags=("-x", "\x1b[2J"),
        comments=(),
        recorded=False,
        voicemail=False,
        asset="",
    )
    call_table.as_csv([hostile], UTC)
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (row["user"], row["number"], row["caller"]) == ("'=1+1", "'@x", "+33 1 22")
    assert row["tags"].startswith("'-x")
    call_table.as_table([hostile], UTC)
    assert "\x1b[2J" not in capsys.readouterr().out


def test_calls_whose_reader_has_gone_ends_without_an_error(kept_archive: Kept, tmp_path: Path) -> None:
    (tmp_path / "aircall.yml").write_text(f"storage: {{url: '{kept_archive.url}'}}\n")
    command = [*COMMAND, f"--config.file={tmp_path / 'aircall.yml'}", "calls", *DAY, "--format=csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
