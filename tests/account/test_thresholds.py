"""Tests of the thresholds and caller formats of the board."""

import math

import pytest

from exporter.account.board import UserRow, breaches_sla, wait_level
from exporter.account.caller_masking import format_caller
from exporter.account.directory import NamedRef
from exporter.account.presence import State
from exporter.account.thresholds import next_change_at
from exporter.config.settings import Thresholds
from exporter.durations import Duration


def row(state: State, since: float | None, substatus: str | None = None) -> UserRow:
    """Return a row without calls."""
    user = NamedRef("7", "Ada")
    return UserRow(user, "Ada", "", "", (), (), state, since, substatus, {}, {}, {}, None, None)


@pytest.mark.parametrize(
    ("state", "substatus", "at"),
    [
        ("do_not_disturb", "on_a_break", 1060),
        ("do_not_disturb", "out_for_lunch", math.inf),
        ("do_not_disturb", "in_training", 1090),
        ("do_not_disturb", None, 1030),
        ("in_call", "on_a_break", 1120),
        ("available", "always_open", math.inf),
    ],
)
def test_next_change_of_a_state_is_at_the_threshold_of_its_substatus(
    state: State, substatus: str | None, at: float
) -> None:
    by_reason = {"On a break": Duration(60), "out_for_lunch": Duration(0), "unknown": Duration(30)}
    limits = Thresholds(do_not_disturb=Duration(90), in_call=Duration(120), substatus=by_reason)
    assert next_change_at(row(state, 1000.0, substatus), limits, 1010.0) == at
    assert next_change_at(row(state, 1000.0, substatus), limits, 2000.0) == math.inf
    assert next_change_at(row(state, None, substatus), limits, 1010.0) == math.inf


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
