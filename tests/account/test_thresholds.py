"""Tests of the thresholds and caller formats of the board."""

import pytest

from exporter.account.board import breaches_sla, format_caller, wait_level


@pytest.mark.parametrize(
    ("average", "sla", "breached"),
    [(10.0, 10, False), (10.01, 10, True), (None, 10, False), (10.0, 0, None), (None, 0, None)],
)
def test_breaches_sla_average_above_the_sla_is_a_breach(
    average: float | None, sla: float, breached: bool | None
) -> None:
    assert breaches_sla(average, sla) is breached


@pytest.mark.parametrize(("wait", "level"), [(0, 0), (9.999, 0), (10, 1), (19.999, 1), (20, 2), (3600, 2)])
def test_wait_level_wait_at_a_threshold_has_its_level(wait: float, level: int) -> None:
    assert wait_level(wait, 10, 20) == level


@pytest.mark.parametrize(
    ("digits", "full", "masked"),
    [
        ("+33 6 11 11 33 33", "+33 6 11 11 33 33", "+** * ** ** *3 33"),
        ("anonymous", "anonymous", "anonymous"),
        ("112", "112", "112"),
        (None, "unknown", "unknown"),
        ("sip:john.doe@example.com", "sip:john.doe@example.com", "***"),
    ],
)
def test_format_caller_each_setting_shows_masks_or_hides_the_digits(
    digits: str | None, full: str, masked: str
) -> None:
    assert format_caller(digits, "full") == full
    assert format_caller(digits, "masked") == masked
    assert format_caller(digits, "hidden") == "hidden"
