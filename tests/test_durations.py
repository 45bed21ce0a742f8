"""Test the notation of durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.durations import Duration, parse_duration


@given(st.integers(0, 10**12))
def test_parse_duration_of_a_formatted_duration_returns_it(milliseconds: int) -> None:
    duration = Duration(milliseconds / 1000)
    assert parse_duration(str(duration)) == pytest.approx(duration)


@pytest.mark.parametrize(("text", "seconds"), [("1d12h", 129600), ("500ms", 0.5), ("0", 0), ("1w", 604800)])
def test_parse_duration_of_each_unit_returns_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "10 s", "-5s", "1m1h", "s", "1.5h", "10S", True, 5, None, [], "١s"]
)
def test_parse_duration_of_anything_else_is_rejected(text: object) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(text)
