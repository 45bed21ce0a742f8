"""Test the notations of times in searches."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.archive.parsing import parse_time

NOW = 1_780_000_000.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("2h", NOW - 7200),
        ("100y", 0),
        ("2026-05-28T20:26:40", NOW),
        ("2026-05-28T22:26:40+02:00", NOW),
        ("2026-05-28T20:26:40Z", NOW),
        ("2026-05-28", datetime(2026, 5, 28, tzinfo=UTC).timestamp()),
        ("1780000000", NOW),
        ("1780000000.75", NOW),
        ("0", 0),
    ],
)
def test_parse_time_in_each_notation_returns_the_timestamp(text: str, at: float) -> None:
    assert parse_time(text, NOW, UTC) == at


MONDAY = datetime(2026, 11, 23, 15, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23"),
        ("Yesterday", "2026-11-22", "2026-11-22"),
        ("monday", "2026-11-23", "2026-11-23"),
        ("tuesday", "2026-11-17", "2026-11-17"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this week", "2026-11-23", "2026-11-23"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("20.11.2026", "2026-11-20", "2026-11-20"),
        ("3.4.2026", "2026-04-03", "2026-04-03"),
        ("20/11/2026", "2026-11-20", "2026-11-20"),
        ("11/20/2026", "2026-11-20", "2026-11-20"),
        ("4/4/2026", "2026-04-04", "2026-04-04"),
        ("20 Nov", "2026-11-20", "2026-11-20"),
        ("24 November", "2025-11-24", "2025-11-24"),
        ("Nov 20, 2026", "2026-11-20", "2026-11-20"),
        ("20.11", "2026-11-20", "2026-11-20"),
        ("20.11.", "2026-11-20", "2026-11-20"),
        ("11/20", "2026-11-20", "2026-11-20"),
        ("20/11", "2026-11-20", "2026-11-20"),
        ("2026.03.04", "2026-03-04", "2026-03-04"),
        ("2026/03/04", "2026-03-04", "2026-03-04"),
        ("29 feb", "2024-02-29", "2024-02-29"),
    ],
)
def test_parse_time_of_a_natural_day_is_its_begin_or_its_end(text: str, first: str, last: str) -> None:
    assert parse_time(text, MONDAY, UTC) == parse_time(first, MONDAY, UTC)
    assert parse_time(text, MONDAY, UTC, last=True) == parse_time(last, MONDAY, UTC, last=True)


def test_parse_time_of_a_time_of_day_is_today() -> None:
    assert parse_time("9:05", MONDAY, UTC) == datetime(2026, 11, 23, 9, 5, tzinfo=UTC).timestamp()


def test_parse_time_of_an_ambiguous_date_names_both_readings() -> None:
    with pytest.raises(ValueError, match="may be 3 April or 4 March, write it as 2026-04-03"):
        parse_time("03/04/2026", MONDAY, UTC)
    with pytest.raises(ValueError, match="may be 3 April or 4 March, write it as 2026-04-03"):
        parse_time("3/4", MONDAY, UTC)


@pytest.mark.parametrize(
    "text", ["23 nov 2pm", "23 nov 5", "30 nov -5", "tue 23 nov", "31.02.2026", "99.1", "32 nov", "31 nov"]
)
def test_parse_time_of_a_text_that_says_more_than_a_day_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as"):
        parse_time(text, MONDAY, UTC)


@given(st.text(max_size=30))
@example("29 feb")
@example("12.13.14")
@example("١/٢/٣")
def test_parse_time_of_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        parse_time(text, MONDAY, UTC)
    except ValueError as error:
        assert "a time such as" in str(error) or "unambiguous" in str(error)


def test_parse_time_without_an_offset_uses_the_given_time_zone() -> None:
    assert parse_time("2026-05-28T22:26:40", NOW, timezone(timedelta(hours=2))) == NOW


def test_parse_time_of_a_last_day_returns_the_end_of_that_day() -> None:
    paris = timezone(timedelta(hours=2))
    assert (
        parse_time("2026-05-28", NOW, paris, last=True)
        == datetime(2026, 5, 28, 23, 59, 59, tzinfo=paris).timestamp()
    )
    assert parse_time("2026-05-28T20:26:40", NOW, UTC, last=True) == NOW


def assert_is_last_second(end: int, day: date, zone: ZoneInfo) -> None:
    assert datetime.fromtimestamp(end, zone).date() == day
    assert datetime.fromtimestamp(end + 1, zone).date() == day + timedelta(days=1)


@given(st.sampled_from(sorted(available_timezones())), st.dates(date(2020, 1, 1), date(2030, 12, 31)))
@example("America/Santiago", date(2026, 4, 4))
@example("America/Santiago", date(2026, 9, 5))
@example("America/Nuuk", date(2026, 3, 28))
@example("America/Nuuk", date(2026, 10, 24))
@example("America/Havana", date(2026, 10, 31))
@example("Africa/Cairo", date(2026, 10, 29))
@example("Asia/Beirut", date(2026, 10, 24))
def test_a_period_ends_with_the_last_second_of_its_day_in_any_zone(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    assert_is_last_second(parse_time(day.isoformat(), NOW, zone, last=True), day, zone)


@pytest.mark.parametrize("name", ["America/Santiago", "Africa/Cairo", "Asia/Beirut", "America/Nuuk"])
def test_a_period_ends_with_the_last_second_of_its_day_in_the_local_zone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = ZoneInfo(name)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        for number in range(366):
            day = date(2026, 1, 1) + timedelta(days=number)
            assert_is_last_second(parse_time(day.isoformat(), NOW, None, last=True), day, zone)
    time.tzset()


def test_a_period_ends_with_the_last_day_that_can_be_written() -> None:
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert parse_time("9999-12-31", NOW, UTC, last=True) == end


@pytest.mark.parametrize("text", ["", "some day", "-5", "nan", "1e9", "2026-13-01", "0001-01x", "٣", " now"])
def test_parse_time_of_an_invalid_text_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as 2026-11-23"):
        parse_time(text, NOW, UTC)
