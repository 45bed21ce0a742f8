"""Test the page of a report: well-formed, escaped, and without anything from outside."""

import re
from xml.etree import ElementTree

from msgspec.structs import replace

from exporter.report.html_page import MAX_CHARTED_GROUPS, html_page
from exporter.report.parameters import By
from exporter.report.rows import Report, ReportRow

HOSTILE = "<script>alert('Ünïcode & \"quotes\"')</script>"


def row(start: str, id_: str, name: str, offered: int | None = 10) -> ReportRow:
    return ReportRow(
        start=f"2026-05-28T{start}:00+02:00",
        end="2026-05-29T00:00:00+02:00",
        id=id_,
        name=name,
        offered=offered,
        inbound=offered,
        answered=7,
        missed=offered and offered - 7,
        abandoned=offered and 2,
        service_level=0.725 if offered else None,
        average_answer_seconds=12.4,
        average_abandon_seconds=None,
        longest_wait_seconds=3_725,
        average_handle_seconds=61.6,
        average_after_call_work_seconds=None,
        called_again_day=0.125,
        called_again_week=None,
        outbound=3,
        talk_seconds=600,
        staffed_seconds=7_200,
        available_seconds=3_600,
        occupancy=0.5,
    )


def report(*rows: ReportRow, by: By = "number", interval: str | None = "1h") -> Report:
    return Report("2026-05-28T00:00:00+02:00", "2026-05-29T00:00:00+02:00", by, interval, None, None, rows)


def parsed(page: str) -> ElementTree.Element:
    assert page.startswith("<!doctype html>\n")
    return ElementTree.fromstring(page.removeprefix("<!doctype html>\n"))


def texts(page: str, tag: str) -> list[str]:
    return ["".join(found.itertext()) for found in parsed(page).iter(tag)]


def test_page_with_hostile_names_is_well_formed_and_shows_them() -> None:
    page = html_page(report(row("09:00", "1", HOSTILE), row("10:00", "1", HOSTILE)))
    assert texts(page, "h2") == [HOSTILE]
    assert texts(page, "td").count(HOSTILE) == 2
    assert list(parsed(page).iter("script")) == []
    assert page.isascii()


def test_page_needs_nothing_from_outside() -> None:
    page = html_page(report(row("09:00", "1", "Support"), row("10:00", "1", "Support")))
    tags = {element.tag for element in parsed(page).iter()}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"https?:|url\(|@import|src=|href=", page)


def test_page_shows_figures_in_units_and_nothing_in_place_of_missing_ones() -> None:
    cells = texts(html_page(report(row("09:00", "1", "Support"), interval=None)), "td")
    assert cells == [
        *("2026-05-28 09:00 +02:00", "Support", "1", "10", "7", "3", "2"),
        *("72.5 %", "0:12", "", "1:02:05", "1:02", "12.5 %", "3", "10:00"),
        *("2:00:00", "1:00:00", "50.0 %"),
    ]


def test_page_with_several_intervals_has_two_charts_for_each_group() -> None:
    rows = [row(start, id_, f"Number {id_}") for start in ("09:00", "10:00") for id_ in ("1", "2")]
    page = html_page(report(*rows))
    names = [svg.get("aria-label") for svg in parsed(page).iter("svg")]
    assert names == ["Calls", "Service level"] * 2
    assert {"offered", "answered", "abandoned", "service level"} <= set(texts(page, "text"))
    assert list(parsed(html_page(report(row("09:00", "1", "Support")))).iter("svg")) == []


def test_page_of_users_has_no_charts_and_columns_of_missed_calls() -> None:
    page = html_page(report(*(row(start, "1", "Ada", None) for start in ("09:00", "10:00")), by="user"))
    assert [svg.get("aria-label") for svg in parsed(page).iter("svg")] == ["Calls"]
    assert not {"offered", "missed", "service level"} & set(texts(page, "th"))
    assert "offered" not in texts(page, "text")


def test_page_with_many_groups_has_charts_of_the_busiest() -> None:
    count = MAX_CHARTED_GROUPS + 5
    rows = [
        replace(row(start, str(n), f"Number {n}"), outbound=n)
        for start in ("09:00", "10:00")
        for n in range(count)
    ]
    page = html_page(report(*rows))
    assert texts(page, "h2") == [f"Number {n}" for n in range(count - 1, 4, -1)]
    assert f"Charts of the {MAX_CHARTED_GROUPS} of {count} with the most calls." in texts(page, "p")


def test_chart_with_a_gap_begins_another_line() -> None:
    rows = [row(f"{hour:02}:00", "1", "Support") for hour in range(5)]
    rows[2] = replace(rows[2], service_level=None)
    page = html_page(report(*rows))
    level = list(parsed(page).iter("svg"))[1]
    (line,) = [path.get("d", "") for path in level.iter("path") if "L" in path.get("d", "")]
    assert (line.count("M"), line.count("L")) == (2, 2)


def test_page_by_team_says_how_many_calls_have_inferred_teams_or_none() -> None:
    made = report(row("09:00", "1", "Sales"), by="team")
    assert "calls" not in texts(html_page(made), "p")[0]
    made = replace(made, calls_with_inferred_teams=34, calls_without_teams=12)
    (subtitle, *_) = texts(html_page(made), "p")
    assert "inferred from the current members and numbers: 34. Calls that are not included" in subtitle
    assert subtitle.endswith("because their teams are not known yet: 12.")
