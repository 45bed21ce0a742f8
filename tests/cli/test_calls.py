"""Test the command `calls`: its output, errors and exit codes."""

import csv
import io
import json
import subprocess
from argparse import Namespace
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.archive.search import CallResult
from exporter.cli.call_table import CALLS
from exporter.cli.formats import print_rows
from harness.process import COMMAND, run
from tests.support.filled_archive import PERIOD, SINCE, UNTIL, Kept
from tests.support.search_ways import command

DAY = (f"--from={SINCE}", f"--to={UNTIL}", "--utc")


def test_calls_in_each_format_prints_the_same_calls(
    kept_archive: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    as_json = command(kept_archive.url, *DAY, "--missed", "--format=ndjson")
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
    assert len(command(kept_archive.url, *DAY, "--limit=3", "--format=ndjson").out.splitlines()) == 3


def test_calls_as_a_table_ends_with_the_totals_of_all_matches(kept_archive: Kept) -> None:
    totals = kept_archive.totals(PERIOD)
    line = command(kept_archive.url, *DAY, "--limit=3").out.splitlines()[-1]
    active = totals.calls - totals.answered - totals.missed - totals.unanswered - totals.ai_agent
    assert active > 0
    for part in (
        f"{totals.calls} calls, {totals.inbound} inbound, {totals.outbound} outbound: ",
        f"{totals.answered} answered, {totals.missed} missed, {totals.unanswered} unanswered, ",
        f"unanswered, {active} under way; ",
        f"answered in {totals.average_seconds_to_answer:.0f}s on average",
    ):
        assert part in line
    empty = command(kept_archive.url, *DAY, "--tag=no such tag")
    assert empty.code == 3
    assert empty.out.splitlines()[-1].startswith("0 calls, ")


def test_calls_with_an_unknown_name_reports_it_and_suggests_another(kept_archive: Kept) -> None:
    names = Counter(user.name for user in kept_archive.account.users.values())
    user = next(call.user for call in kept_archive.calls if call.user and names[call.user.name] == 1)
    known = [
        f"--user={user.name}",
        f"--user={user.id}",
        "--team=Single Users",
        f"--team={next(iter(kept_archive.account.teams.values())).name}",
        f"--number={next(iter(kept_archive.account.numbers.values())).name}",
    ]
    assert "the archive has no" not in command(kept_archive.url, *DAY, *known).err
    misspelt = user.name[:-1].upper()
    unknown = [f"--user={misspelt}", "--user=77", "--team=Nobody's", "--number=\x1b[2J"]
    printed = command(kept_archive.url, *DAY, *unknown, "--format=ndjson")
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
    both = command(kept_archive.url, *DAY, known[0], "--user=77", "--format=ndjson")
    assert (both.code, both.err.count("\n")) == (0, 1)
    assert both.out


def test_calls_by_a_shared_name_are_rejected_with_a_list(kept_archive: Kept) -> None:
    users = kept_archive.account.users.values()
    shared = next(name for name, count in Counter(user.name for user in users).items() if count > 1)
    own = [user.id for user in users if user.name == shared]
    printed = command(kept_archive.url, *DAY, f"--user={shared}", "--format=ndjson")
    assert (printed.code, printed.out) == (3, "")
    assert f'--user: {len(own)} users are called "{shared}"; choose from' in printed.err
    assert all(f'"{shared} {id_}"' in printed.err for id_ in own)
    each = [command(kept_archive.url, *DAY, f"--user={shared} {id_}", "--format=ndjson").out for id_ in own]
    both = [f"--user={shared} {id_}" for id_ in own]
    found = command(kept_archive.url, *DAY, *both, "--format=ndjson").out
    assert sorted(found.splitlines()) == sorted("".join(each).splitlines())


def test_a_first_name_suggests_the_users_who_have_it(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, *DAY, "--user=anna", "--missed")
    assert 'the archive has no user "anna", did you mean "Anna Schmidt"?' in printed.err


def test_calls_that_rang_say_that_no_ring_is_known(kept_archive: Kept) -> None:
    user = next(iter(kept_archive.account.users))
    printed = command(kept_archive.url, *DAY, f"--rang={user}", "--missed")
    assert printed.code == 3
    assert "--rang: the archive has no ring of any call, as only webhook events report rings" in printed.err


def test_all_times_of_a_call_are_texts(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, *DAY, "--format=ndjson")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    for name in ("started_at", "answered_at", "ended_at", "left_menu_at"):
        assert all(isinstance(row[name], str | None) for row in rows)


def test_calls_from_a_time_of_day_to_come_say_so(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, "--from=9999-01-01")
    assert (printed.code, printed.err.count("\n")) == (2, 1)
    assert '--from: found "9999-01-01", expected a time that is not in the future' in printed.err


def test_two_orders_are_rejected(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, *DAY, "--longest=3", "--sort=talk")
    assert printed.code == 2
    assert "--sort: not allowed with argument --longest" in printed.err


def test_missed_calls_of_a_user_are_explained_by_their_numbers(kept_archive: Kept) -> None:
    call = next(call for call in kept_archive.calls if call.user and call.number and call.answered_at)
    printed = command(kept_archive.url, *DAY, f"--user={call.user_id}", "--missed")
    assert "a missed call belongs to a number and not to a user" in printed.err
    assert call.number is not None
    assert f'--number "{call.number.name}"' in printed.err


def test_unknown_tag_and_reason_are_reported_with_the_nearest_name(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, *DAY, "--tag=vip", "--reason=no_available_agents")
    assert 'the archive has no tag "vip", did you mean "VIP"?' in printed.err
    assert (
        'the archive has no reason "no_available_agents", did you mean "no_available_agent"?' in printed.err
    )


def test_calls_of_a_time_without_calls_say_when_there_are_some(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, "--from=2020-01-01", "--to=2020-01-02")
    assert "the archive has no call of that time; its" in printed.err
    printed = command(kept_archive.url, *DAY, "--longer-than=2h")
    assert "calls of that time matches all criteria" in printed.err


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (["--longest=5"], "waited"),
        (["--sort=talk", "--limit=5"], "talk_time"),
        (["--sort=duration", "--limit=5"], "duration"),
    ],
)
def test_longest_calls_are_the_first_of_all_by_that_time(
    kept_archive: Kept, flags: list[str], field: str
) -> None:
    every = json.loads(command(kept_archive.url, *DAY, "--format=json").out)
    found = [
        json.loads(line)
        for line in command(kept_archive.url, *DAY, *flags, "--format=ndjson").out.splitlines()
    ]
    longest = sorted((length for call in every if (length := call[field]) is not None), reverse=True)[:5]
    assert [call[field] for call in found] == longest


def test_unanswered_and_called_back_calls_equal_a_plain_filter(kept_archive: Kept) -> None:
    calls = [call for call in kept_archive.calls if call.ended_at is not None]

    def ids(*flags: str) -> set[int]:
        printed = command(kept_archive.url, *DAY, *flags, "--format=ndjson")
        return {json.loads(line)["id"] for line in printed.out.splitlines()}

    unanswered = {c.id for c in calls if c.missed_call_reason or c.answered_at is None}
    assert ids("--unanswered") == unanswered & ids()
    talks = [c for c in calls if c.answered_at is not None and c.missed_call_reason is None]
    reached = {
        call.id
        for call in calls
        if call.missed_call_reason is not None
        and any(
            talk.raw_digits == call.raw_digits != "anonymous"
            and (talk.started_at, talk.id) > (call.started_at, call.id)
            for talk in talks
        )
    }
    missed = ids("--missed")
    assert ids("--called-back") == reached & missed
    assert ids("--no-called-back") == missed - reached


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--to=now"], "required: --from"),
        (["--from=some day"], '--from: found "some day", expected a time such as 2026-11-23'),
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
        waited=5,
        talk_time=None,
        duration=5,
        user_id=1,
        user="=1+1",
        number_id=1,
        number="@x",
        caller="+33 1 22",
        assigned_to="",
        teams=("\x1b[2J",),
        teams_inferred=False,
        tags=("-x", "\x1b[2J"),
        comments=(),
        recorded=False,
        voicemail=False,
        asset="",
    )
    print_rows(CALLS, [hostile], Namespace(format="csv", separator="comma", bom=False), UTC)
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (row["user"], row["number"], row["caller"]) == ("'=1+1", "'@x", "+33 1 22")
    assert row["tags"].startswith("'-x")
    print_rows(CALLS, [hostile], Namespace(format="table"), UTC)
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
