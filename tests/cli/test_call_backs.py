"""The command that lists the callers who are to be called back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from exporter.archive.call_back_list import CallBack
from exporter.cli.exit_codes import ExitCode
from exporter.cli.formats import FORMATS
from exporter.config.settings import Caller
from tests.support.call_back_company import CALLER, OTHER, SUPPORT, Company, typical
from tests.support.search_ways import command


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return typical(tmp_path)


def listed(url: str, *flags: str) -> list[dict[str, Any]]:
    printed = command(url, "--format=ndjson", *flags, name="call-backs")
    return [json.loads(line) for line in printed.out.splitlines()]


def test_list_has_each_caller_once_oldest_first_with_what_happened(company: Company) -> None:
    first, second = listed(company.url, "--utc")
    assert first | {"first_missed_at": 0, "last_missed_at": 0, "last_attempt_at": 0} == {
        "caller": CALLER,
        "number": "Support",
        "numbers": ["Support", "Billing"],
        "teams": [],
        "missed": 2,
        "first_missed_at": 0,
        "last_missed_at": 0,
        "reason": "no_available_agent",
        "longest_wait": 45,
        "attempts": 1,
        "last_attempt_at": 0,
        "voicemail": True,
        "archived": True,
        "assigned_to": "Ada",
        "call_id": 5,
        "asset": "https://a.example/1",
    }
    assert (second["caller"], second["missed"], second["attempts"]) == (OTHER, 1, 0)


def test_table_and_csv_show_the_same_callers_and_the_totals(company: Company) -> None:
    table = command(company.url, name="call-backs").out
    assert CALLER in table and OTHER in table
    assert "2 callers to call back, 1 with a voicemail; oldest 1h55m ago" in table
    assert table.rstrip().endswith("1 missed call of anonymous callers")
    rows = list(csv.DictReader(io.StringIO(command(company.url, "--format=csv", name="call-backs").out)))
    assert [row["caller"] for row in rows] == [CALLER, OTHER]
    assert tuple(rows[0]) == CallBack.__struct_fields__


def test_number_restricts_the_list_and_an_unknown_one_has_a_hint(company: Company) -> None:
    assert [each["caller"] for each in listed(company.url, "--number=Support")] == [CALLER]
    assert [each["caller"] for each in listed(company.url, "--number=6", "--limit=1")] == [CALLER]
    printed = command(company.url, "--number=Biling", name="call-backs")
    assert printed.code == ExitCode.NOT_FOUND
    assert 'the archive has no number "Biling", did you mean "Billing"?' in printed.err
    assert "nobody is to be called back" in printed.err
    assert printed.out == ""


def test_wide_table_and_web_page_show_the_teams_and_the_latest_missed_call(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for form in ("table", "html"):
        shown = command(company.url, f"--format={form}", name="call-backs").out
        assert "teams" in shown and "latest" in shown


@pytest.mark.parametrize("name", ["", " " * 1001, "\udcff"])
def test_odd_name_is_rejected_in_one_line(company: Company, name: str) -> None:
    printed = command(company.url, f"--number={name}", name="call-backs")
    assert (printed.code, printed.err.count("\n")) == (2, 1)
    assert "--number: found" in printed.err


@pytest.mark.parametrize("shown", ["masked", "hidden"])
def test_list_of_masked_or_hidden_callers_shows_no_number(tmp_path: Path, shown: Caller) -> None:
    company = Company(tmp_path, shown)
    company.missed(7000, CALLER, SUPPORT)
    company.missed(6000, CALLER, SUPPORT)
    company.save()
    for form in FORMATS:
        assert "11 11" not in command(company.url, f"--format={form}", name="call-backs").out
    (only,) = listed(company.url)
    assert only["missed"] == 2


def test_empty_list_is_valid_in_each_format(company: Company) -> None:
    found = {
        form: command(company.url, f"--format={form}", "--number=Biling", name="call-backs").out
        for form in ("json", "ndjson", "csv", "table")
    }
    assert json.loads(found["json"]) == []
    assert found["ndjson"] == found["table"] == ""
    assert next(csv.reader(io.StringIO(found["csv"]))) == list(CallBack.__struct_fields__)
