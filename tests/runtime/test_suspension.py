"""Test the detection of a machine that was suspended."""

import pytest

from exporter.runtime.suspension import CONFIRMING_S, LATE_S, LONG_S, Suspension


@pytest.mark.parametrize(
    ("turns", "confirmed_at", "now", "in_doubt"),
    [
        ([(0, 1, 10)], 0, 10, False),
        ([(0, 1, 10)], 0, 10 + LATE_S, False),
        ([(0, 1, 10)], 0, 11 + LATE_S, True),
        ([(0, 1, 10)], 11 + LATE_S, 11 + LATE_S, False),
        ([(0, LONG_S + 1, 10)], 0, LONG_S + 1, True),
        ([(0, LONG_S + 1, 100)], 0, LONG_S + 2 + CONFIRMING_S, False),
        ([(0, 1, 0)], 0, 1 + LATE_S, False),
        ([], 0, 1000, False),
    ],
)
def test_suspension_after_late_or_long_turn_waits_for_confirmation(
    turns: list[tuple[float, float, float]], confirmed_at: float, now: float, in_doubt: bool
) -> None:
    confirmations: list[None] = []
    suspension = Suspension(lambda: confirmations.append(None), lambda: confirmed_at)
    for turn in turns:
        suspension.turned(*turn)
    assert suspension.in_doubt(now) == in_doubt
    assert suspension.in_doubt(now + 1) == in_doubt
    assert bool(confirmations) >= in_doubt
    assert not suspension.in_doubt(now + CONFIRMING_S + 1)
