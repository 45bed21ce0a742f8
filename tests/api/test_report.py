"""Test `GET /api/v1/report`: the same report as that of the command, and its errors."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from exporter.archive.store import Archive
from exporter.config.settings import ServiceLevel, Today
from exporter.durations import Duration
from exporter.report.rows import Report
from exporter.simulator.simulation import SimulatedAccount
from tests.support.filled_archive import SINCE, UNTIL, Kept
from tests.support.running import eventually, running
from tests.support.search_ways import Texts, command, flags, query, served

RANGE = [("from", str(SINCE)), ("to", str(UNTIL))]


@pytest.fixture(scope="module")
def address(kept_archive: Kept) -> Iterator[str]:
    with served(kept_archive.archive) as address:
        yield address


def ask(address: str, texts: Texts) -> requests.Response:
    return requests.get(f"{address}/api/v1/report?{query(texts)}", timeout=30)


@pytest.mark.parametrize("by", ["company", "team", "number", "user"])
@pytest.mark.parametrize("interval", [[], [("interval", "30m")], [("interval", "day")]], ids=str)
def test_report_equals_the_rows_of_the_command(
    kept_archive: Kept, address: str, by: str, interval: list[tuple[str, str]]
) -> None:
    texts = [*RANGE, ("by", by), *interval]
    answer = ask(address, texts)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    printed = command(kept_archive.url, *flags(texts), "--format=ndjson", name="report")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert rows
    assert answer.json()["rows"] == rows
    made = msgspec.json.decode(answer.content, type=Report)
    assert (made.by, made.interval) == (by, dict(interval).get("interval"))


def test_report_without_calls_has_no_rows(address: str) -> None:
    answer = ask(address, [("from", "2020-01-01"), ("to", "2020-01-02"), ("utc", "true")])
    assert answer.status_code == 200
    assert answer.json() == {
        "from": "2020-01-01T00:00:00+00:00",
        "to": "2020-01-03T00:00:00+00:00",
        "by": "company",
        "interval": None,
        "calls_with_inferred_teams": None,
        "calls_without_teams": None,
        "rows": [],
    }


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ([("from", "Someday")], 'from: found "Someday", expected a time such as'),
        ([("by", "team"), ("by", "user")], "by: found 2 times, expected once"),
        ([("form", "today")], "form: unknown parameter, did you mean from?"),
        ([("period", "year")], 'period: found "year", expected day, week or month'),
        ([*RANGE, ("interval", "1s"), ("by", "user")], "interval: found 1s, more than 100,000 rows"),
    ],
)
def test_report_with_an_invalid_query_returns_400_in_one_line(
    address: str, texts: list[tuple[str, str]], error: str
) -> None:
    answer = ask(address, texts)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)


def test_report_of_a_running_exporter_follows_its_settings() -> None:
    account = SimulatedAccount(start=time.time(), calls_per_hour=0)
    number = next(iter(account.numbers.values()))
    call = account.ring_in(number.id, "+33 1 11 11 11 11", at=time.time() - 300)
    account.answer(call.id, min(number.user_ids), at=call.started_at + 3)
    account.hang_up(call.id, at=call.started_at + 4)
    level = ServiceLevel(within=Duration(1))
    with running(account, api=True, service_level=level, today=Today("00:00", "Asia/Kathmandu")) as exporter:

        def rows() -> list[dict]:
            return list(ask(exporter.url, [("from", "1h")]).json().get("rows", ()))

        (row,) = eventually(rows)
        assert (row["answered"], row["service_level"], row["average_answer_seconds"]) == (1, 0, 3)
        assert row["start"].endswith("+05:45")


def test_report_with_the_archive_unavailable_returns_503(tmp_path: Path) -> None:
    with served(Archive(f"sqlite:///{tmp_path}/none.sqlite")) as address:
        answer = ask(address, [])
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("the archive cannot be searched now: ")
