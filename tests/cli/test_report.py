"""Test the command `report`: its output, its settings, its errors and exit codes."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from exporter.archive.store import Archive
from exporter.cli import exit_codes, main
from exporter.cli.formats import FORMATS
from exporter.report.rows import ReportRow
from harness.archived_calls import END, fill
from tests.support.filled_archive import PERIOD, SINCE, UNTIL, Kept
from tests.support.search_ways import command

RANGE = (f"--from={SINCE}", f"--to={UNTIL}", "--utc")


@pytest.mark.parametrize("by", ["company", "team", "number", "user"])
def test_report_in_each_format_prints_the_same_rows(kept_archive: Kept, by: str) -> None:
    asked = ("report", *RANGE, f"--by={by}", "--interval=30m")
    printed = {
        form: command(kept_archive.url, *asked[1:], f"--format={form}", name="report") for form in FORMATS
    }
    assert {each.code for each in printed.values()} == {0}
    rows = [json.loads(line) for line in printed["ndjson"].out.splitlines()]
    assert {len(row) for row in rows} == {len(ReportRow.__struct_fields__)}
    assert datetime.fromisoformat(rows[0]["start"]).timestamp() == SINCE
    assert rows[1]["start"].endswith("+00:00")
    assert printed["csv"].out.splitlines()[0] == ",".join(ReportRow.__struct_fields__)
    listed = list(csv.DictReader(io.StringIO(printed["csv"].out)))
    assert [row["answered"] for row in listed] == [str(row["answered"]) for row in rows]
    assert [row["service_level"] == "" for row in listed] == [row["service_level"] is None for row in rows]
    assert json.loads(printed["json"].out) == rows
    assert sum(line.startswith("20") for line in printed["table"].out.splitlines()) == len(rows)
    assert printed["html"].out.count("<tr>") == len(rows) + 1


def test_report_by_company_counts_the_calls_of_the_archive(kept_archive: Kept) -> None:
    (line,) = command(kept_archive.url, *RANGE, "--format=ndjson", name="report").out.splitlines()
    row, totals = json.loads(line), kept_archive.totals
    done = [call for call in kept_archive.calls if call.ended_at is not None and call.started_at < UNTIL]
    assert row["inbound"] == sum(call.direction == "inbound" for call in done)
    assert row["outbound"] == sum(call.direction == "outbound" for call in done)
    assert row["average_answer_seconds"] == totals(PERIOD).average_seconds_to_answer
    assert row["talk_seconds"] == totals(PERIOD).seconds_talked


def test_report_without_calls_exits_with_not_found_and_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    Archive(f"sqlite:///{file}").load()
    for form in FORMATS:
        printed = command(
            f"sqlite:///{file}",
            *("--from=2026-05-01", "--to=2026-05-02", "--utc", f"--format={form}", "--by=user"),
            name="report",
        )
        assert (printed.code, printed.out) == (exit_codes.ExitCode.NOT_FOUND, "")
        assert printed.err == (
            "aircall-exporter: report: the archive has no calls that belong to a user"
            " from 2026-05-01T00:00:00+00:00 to 2026-05-03T00:00:00+00:00\n"
        )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--from=Someday"],
            '--from: found "Someday", expected a time such as',
        ),
        (["--period=day", "--from=1h"], "--period: found together with from, expected one of the two"),
        (["--period=year"], '--period: found "year", expected day, week or month'),
        (["--interval=7m"], '--interval: found "7m", expected 15m, 30m, 1h or another duration that divides'),
        (["--by=queue"], '--by: found "queue", expected company, team, number, user or tag'),
        (["--by=--"], '--by: found "--", expected company'),
        (["--from=2020", "--interval=30s"], "more than 100,000 rows in "),
        (["--format=xml"], "invalid choice: 'xml'"),
    ],
)
def test_report_with_an_invalid_argument_prints_one_line(
    kept_archive: Kept, arguments: list[str], error: str
) -> None:
    printed = command(kept_archive.url, *arguments, name="report")
    assert (printed.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert error in printed.err


def test_report_with_too_many_groups_suggests_an_interval(kept_archive: Kept) -> None:
    printed = command(kept_archive.url, *RANGE, "--interval=1s", "--by=user", name="report")
    assert (printed.code, printed.out) == (2, "")
    assert "--interval: found 1s, more than 100,000 rows in 0 days, expected 15m or longer" in printed.err


def test_report_by_team_of_calls_without_teams_says_how_many(kept_archive: Kept, tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    fill(f"sqlite:///{file}", 500)
    asked = (f"--from={END - 40 * 86_400}", f"--to={END}", "--by=team")
    printed = command(f"sqlite:///{file}", *asked, name="report")
    assert printed.code == 0
    assert "calls that are not included, because their teams are not known yet: " in printed.err
    assert command(f"sqlite:///{file}", *asked[:2], name="report").err == ""


def test_report_follows_the_settings_of_a_file_without_a_credential(
    kept_archive: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = next(iter(kept_archive.account.numbers.values()))
    user = next(call.user for call in kept_archive.calls if call.user and call.answered_at)
    settings = {
        "storage": {"url": kept_archive.url},
        "today": {"time_zone": "Asia/Kathmandu"},
        "service_level": {"within": "1h", "ignore_reasons": ["no_available_agent", "abandoned_in_classic"]},
        "overrides": {"numbers": {number.name: {"service_level": {"within": "1ms", "ignore_reasons": []}}}},
        "exclude_users": [user.name, "ada@example.com"],
    }
    file = tmp_path / "aircall.yml"
    file.write_text(yaml.safe_dump(settings))
    rows = {}
    for by in ("number", "user"):
        asked = ["report", f"--from={SINCE}", f"--to={UNTIL}", f"--by={by}", "--format=ndjson"]
        assert main.main([f"--storage.path={tmp_path}", *asked, f"--config.file={file}"]) == 0
        printed = capsys.readouterr()
        rows[by] = {row["id"]: row for row in map(json.loads, printed.out.splitlines())}
        assert ('exclude_users: "ada@example.com" is not applied' in printed.err) == (by == "user")
    strict = rows["number"].pop(str(number.id))
    assert strict["start"].endswith("+05:45")
    assert strict["service_level"] < 0.2
    assert strict["inbound"] == strict["offered"]
    assert any(row["inbound"] > row["offered"] for row in rows["number"].values())
    assert str(user.id) not in rows["user"]


def test_report_with_an_invalid_setting_exits_with_usage(kept_archive: Kept, tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("today: {time_zone: Mars/Olympus}\n")
    printed = command(kept_archive.url, f"--config.file={file}", name="report")
    assert (printed.code, printed.err.count("\n")) == (2, 1)
    assert "today.time_zone: found " in printed.err
