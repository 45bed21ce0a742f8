"""Test how time ranges are split into intervals, also on the days on which clocks change."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.day import day_start
from exporter.config.settings import Today
from exporter.report.intervals import last_complete, local_time, starts_of

PARIS = ZoneInfo("Europe/Paris")
TODAY = Today("00:00", "Europe/Paris")
HALF_HOUR, HOUR, DAY = 1800, 3600, 86_400
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
MOMENTS = st.integers(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 1_830_000_000)
STEPS = st.sampled_from([60, 900, HALF_HOUR, HOUR, 2 * HOUR, 6 * HOUR])


def at(text: str, zone: ZoneInfo = PARIS) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def shown(starts: list[int], zone: ZoneInfo = PARIS) -> list[str]:
    return [local_time(start, zone).isoformat(timespec="minutes")[11:] for start in starts]


@pytest.mark.parametrize(
    ("day", "following", "count"),
    [
        ("2026-03-29", "2026-03-30", 46),
        ("2026-10-25", "2026-10-26", 50),
        ("2026-06-01", "2026-06-02", 48),
    ],
)
def test_starts_of_a_day_of_23_or_25_hours_are_each_half_hour(day: str, following: str, count: int) -> None:
    since, until = at(day), at(following)
    starts = starts_of(since, until, HALF_HOUR, TODAY)
    assert starts == list(range(since, until, HALF_HOUR))
    assert len(starts) == count
    assert len(set(shown(starts))) == count
    assert starts_of(since, until, "day", TODAY) == [since]


def test_starts_of_long_intervals_while_clocks_change_are_at_the_same_local_times() -> None:
    spring = starts_of(at("2026-03-29"), at("2026-03-30"), 2 * HOUR, TODAY)
    assert shown(spring)[:4] == ["00:00+01:00", "03:00+02:00", "04:00+02:00", "06:00+02:00"]
    autumn = starts_of(at("2026-10-25"), at("2026-10-26"), 2 * HOUR, TODAY)
    assert shown(autumn)[:4] == ["00:00+02:00", "02:00+02:00", "02:00+01:00", "04:00+01:00"]
    quarters = starts_of(at("2026-10-25"), at("2026-10-26"), 6 * HOUR, TODAY)
    assert shown(quarters) == ["00:00+02:00", "06:00+01:00", "12:00+01:00", "18:00+01:00"]


def test_starts_of_a_change_by_half_an_hour_are_at_the_same_local_times() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    since = at("2026-04-05T00:00", zone)
    starts = starts_of(since, since + 4 * HOUR, HOUR, Today("00:00", "Australia/Lord_Howe"))
    assert shown(starts, zone) == ["00:00+11:00", "01:00+11:00", "02:00+10:30", "03:00+10:30"]


def test_starts_of_a_range_between_boundaries_begin_with_a_shorter_interval() -> None:
    starts = starts_of(at("2026-06-01T09:10"), at("2026-06-01T10:10"), HALF_HOUR, TODAY)
    assert shown(starts) == ["09:10+02:00", "09:30+02:00", "10:00+02:00"]
    whole = starts_of(at("2026-06-01T09:10"), at("2026-06-05"), None, TODAY)
    assert shown(whole) == ["09:10+02:00"]


def test_starts_of_days_follow_the_beginning_of_the_day() -> None:
    late = Today("06:00", "Europe/Paris")
    starts = starts_of(at("2026-10-24T12:00"), at("2026-10-26T12:00"), "day", late)
    assert [f"{local_time(start, PARIS):%d %H:%M}" for start in starts] == [
        "24 12:00",
        "25 06:00",
        "26 06:00",
    ]


@given(MOMENTS, st.integers(1, 3 * DAY), STEPS, ZONES)
def test_starts_of_any_range_show_each_multiple_once(since: int, length: int, step: int, name: str) -> None:
    zone = ZoneInfo(name)
    starts = starts_of(since, since + length, step, Today("00:00", name))
    assert starts[0] == since
    assert starts == sorted(set(starts))
    assert starts[-1] < since + length
    minutes = {
        moment
        for moment in range(since + 60 - since % 60, since + length, 60)
        if (seconds := local_time(moment, zone)).hour * HOUR % step + seconds.minute * 60 % step == 0
    }
    if step <= HOUR:
        assert minutes <= set(starts)
    for start, following in pairwise(starts[1:]):
        assert following - start <= step + HOUR


@pytest.mark.parametrize(
    ("period", "now", "since", "until"),
    [
        ("day", "2026-03-30T10:00", "2026-03-29", "2026-03-30"),
        ("week", "2026-06-01T00:00", "2026-05-25", "2026-06-01"),
        ("week", "2026-05-31T23:59", "2026-05-18", "2026-05-25"),
        ("month", "2026-03-31T12:00", "2026-02-01", "2026-03-01"),
        ("month", "2026-01-01T00:00", "2025-12-01", "2026-01-01"),
    ],
)
def test_last_complete_period_ends_before_the_present_one(
    period: str, now: str, since: str, until: str
) -> None:
    assert last_complete(period, at(now), TODAY) == (at(since), at(until))  # type: ignore[arg-type]


def test_last_complete_week_begins_when_its_first_day_begins() -> None:
    late = Today("06:00", "Europe/Paris")
    assert last_complete("week", at("2026-06-01T05:00"), late) == (
        at("2026-05-18T06:00"),
        at("2026-05-25T06:00"),
    )
    assert last_complete("week", at("2026-06-01T07:00"), late) == (
        at("2026-05-25T06:00"),
        at("2026-06-01T06:00"),
    )


@given(MOMENTS, ZONES)
def test_last_complete_day_is_the_day_before_the_present_one(now: int, name: str) -> None:
    today = Today("00:00", name)
    since, until = last_complete("day", now, today)
    assert until == day_start(now, today)
    assert since == day_start(until - 1, today)
