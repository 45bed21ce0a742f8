"""Test the notations of times in searches."""

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
def test_parse_time_in_each_notation_returns_the_timestamp(text: str, at: float) -> None:
    assert parse_time(text, NOW, UTC) == at


def test_parse_time_without_an_offset_uses_the_given_time_zone() -> None:
    assert parse_time("2026-05-28T22:26:40", NOW, timezone(timedelta(hours=2))) == NOW


def test_parse_time_of_a_last_day_returns_the_end_of_that_day() -> None:
    paris = timezone(timedelta(hours=2))
    assert (
        parse_time("2026-05-28", NOW, paris, last=True)
        == datetime(2026, 5, 28, 23, 59, 59, tzinfo=paris).timestamp()
    )
    assert parse_time("2026-05-28T20:26:40", NOW, UTC, last=True) == NOW


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "nan", "1e9", "2026-13-01", "0001-01x", "٣", " now"])
def test_parse_time_of_an_invalid_text_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as 2026-11-23"):
        parse_time(text, NOW, UTC)
