"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

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
def test_a_time_may_be_written_in_many_ways(text: str, at: float) -> None:
    assert parse_time(text, NOW, UTC) == at


def test_a_time_without_an_offset_is_told_in_the_zone() -> None:
    assert parse_time("2026-05-28T22:26:40", NOW, timezone(timedelta(hours=2))) == NOW


def test_a_period_ends_with_the_whole_of_its_last_day() -> None:
    paris = timezone(timedelta(hours=2))
    assert (
        parse_time("2026-05-28", NOW, paris, last=True)
        == datetime(2026, 5, 28, 23, 59, 59, tzinfo=paris).timestamp()
    )
    assert parse_time("2026-05-28T20:26:40", NOW, UTC, last=True) == NOW


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "nan", "1e9", "2026-13-01", "0001-01x", "٣", " now"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as 2026-11-23"):
        parse_time(text, NOW, UTC)
