"""Test the formats that commands print, and tables as wide as the terminal."""

import csv
import io
import json
import re
from collections.abc import Callable
from functools import partial
from xml.etree import ElementTree

import pytest

from exporter.cli import rich_output
from exporter.cli.formats import FORMATS, SEPARATORS
from exporter.cli.rich_output import Output
from tests.support.filled_archive import SINCE, UNTIL, Kept
from tests.support.search_ways import command

DAY = (f"--from={SINCE}", f"--to={UNTIL}", "--limit=30", "--utc")


def as_json(out: str) -> list[str]:
    return [str(row["id"]) for row in json.loads(out)]


def as_ndjson(out: str) -> list[str]:
    return [str(json.loads(line)["id"]) for line in out.splitlines()]


def as_csv(out: str) -> list[str]:
    return [row["id"] for row in csv.DictReader(io.StringIO(out))]


def as_table(out: str) -> list[str]:
    return [line.rstrip().rpartition(" ")[2] for line in out.splitlines()[1:-1]]


def as_html(out: str) -> list[str]:
    page = ElementTree.fromstring(out.removeprefix("<!doctype html>\n"))
    rows = [["".join(cell.itertext()) for cell in row.iter("td")] for row in page.iter("tr")]
    return [row[-1] for row in rows if row]


READ: dict[str, Callable[[str], list[str]]] = {
    "json": as_json,
    "ndjson": as_ndjson,
    "csv": as_csv,
    "table": as_table,
    "html": as_html,
}


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_has_the_same_calls(kept_archive: Kept, form: str) -> None:
    expected = as_json(command(kept_archive.url, *DAY, "--format=json").out)
    assert len(expected) == 30
    assert READ[form](command(kept_archive.url, *DAY, f"--format={form}").out) == expected


def test_json_without_rows_is_an_empty_array(kept_archive: Kept) -> None:
    assert json.loads(command(kept_archive.url, *DAY, "--tag=none", "--format=json").out) == []


@pytest.mark.parametrize("separator", SEPARATORS)
def test_csv_has_the_chosen_separator(kept_archive: Kept, separator: str) -> None:
    out = command(kept_archive.url, *DAY, "--format=csv", f"--separator={separator}").out
    rows = list(csv.DictReader(io.StringIO(out), delimiter=SEPARATORS[separator]))
    assert [row["id"] for row in rows] == as_csv(command(kept_archive.url, *DAY, "--format=csv").out)


def test_csv_for_excel_begins_with_a_byte_order_mark_and_has_sortable_times(kept_archive: Kept) -> None:
    out = command(kept_archive.url, *DAY, "--format=csv", "--bom").out
    assert out.startswith("\ufeffid,")
    starts = [row["started_at"] for row in csv.DictReader(io.StringIO(out.removeprefix("\ufeff")))]
    assert starts == sorted(starts, reverse=True)
    assert not command(kept_archive.url, *DAY, "--format=csv").out.startswith("\ufeff")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "started outcome user number caller waited talk"),
        (120, "started outcome reason user number caller waited talk tags"),
        (160, "started direction outcome reason user number caller waited talk tags teams id"),
    ],
)
def test_table_of_calls_fits_the_terminal_and_uses_its_width(
    kept_archive: Kept, monkeypatch: pytest.MonkeyPatch, width: int, shown: str
) -> None:
    terminal = partial(Output, force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(rich_output, "Output", terminal)
    printed = re.sub("\x1b\\[[0-9]*m", "", command(kept_archive.url, *DAY).out)
    header, *lines = printed.splitlines()[:31]
    assert header.split() == shown.split()
    assert len(lines) == 30
    assert max(map(len, [header, *lines])) <= width
    assert all(line[:2] == "20" for line in lines), "no line is wrapped"
