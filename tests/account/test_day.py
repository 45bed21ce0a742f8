"""Test when a day begins, on all days of a year and in several time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.day import day_start
from exporter.config.settings import Today

HOUR = 3600
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
TIMES = st.times().map(lambda time: f"{time:%H:%M}")
MOMENTS = st.integers(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 1_830_000_000)


@given(MOMENTS, ZONES, TIMES)
def test_day_start_of_any_moment_is_at_most_25_hours_before_and_the_same_all_day(
    now: int, zone: str, starts_at: str
) -> None:
    today = Today(starts_at, zone)
    begin = day_start(now, today)
    assert now - 25 * HOUR < begin <= now
    assert day_start(begin, today) == begin
    assert day_start(begin - 1, today) < begin


@given(MOMENTS, TIMES)
def test_day_start_in_a_zone_without_clock_changes_is_at_the_local_time(now: int, starts_at: str) -> None:
    begin = datetime.fromtimestamp(day_start(now, Today(starts_at, "UTC")), UTC)
    assert f"{begin:%H:%M:%S}" == f"{starts_at}:00"


@pytest.mark.parametrize(
    ("date", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)], ids=str
)
def test_day_on_which_clocks_change_has_23_or_25_hours(date: tuple[int, int, int], hours: int) -> None:
    paris, today = ZoneInfo("Europe/Paris"), Today("00:00", "Europe/Paris")
    noon = datetime(*date, 12, tzinfo=paris)
    begins = [day_start((noon + timedelta(days)).timestamp(), today) for days in (0, 1)]
    assert begins[1] - begins[0] == hours * HOUR


@pytest.mark.parametrize(
    ("date", "starts_at", "begins"),
    [
        ((2026, 3, 29), "02:30", "2026-03-29T03:30:00+02:00"),
        ((2026, 10, 25), "02:30", "2026-10-25T02:30:00+02:00"),
    ],
    ids=["skipped", "repeated"],
)
def test_day_that_begins_while_clocks_change_begins_once(
    date: tuple[int, int, int], starts_at: str, begins: str
) -> None:
    noon = datetime(*date, 12, tzinfo=ZoneInfo("Europe/Paris")).timestamp()
    begin = day_start(noon, Today(starts_at, "Europe/Paris"))
    assert begin == datetime.fromisoformat(begins).timestamp()
