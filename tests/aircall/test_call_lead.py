"""Tests of the calls that date Aircall's clock: their order and number do not matter."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.server_clock import KEEP_S, MIN_CONFIRMATIONS
from tests.support.server_clocks import DAY, Setting


class Counted(float):
    """A number that counts how often it, or a difference to it, is compared."""

    comparisons = 0

    def __rsub__(self, other: float) -> "Counted":
        return Counted(other - float(self))

    def __lt__(self, other: float) -> bool:
        Counted.comparisons += 1
        return float(self) < other

    def __gt__(self, other: float) -> bool:
        Counted.comparisons += 1
        return float(self) > other

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return float(self) == other

    __hash__ = float.__hash__


def comparisons(calls: int, step: int) -> int:
    """Return the comparisons of the leads that `calls` prove, while the machine's clock is behind."""
    setting = Setting(machine=-200 * DAY)
    setting.receive(MIN_CONFIRMATIONS)
    Counted.comparisons = 0
    for number in range(calls):
        setting.clock.call_began(floor(setting.now - DAY + step * number), Counted(setting.steady))
    return Counted.comparisons


@pytest.mark.parametrize("step", [1, -1])
def test_calls_began_many_calls_costs_as_much_for_each_as_few(step: int) -> None:
    assert 0 < comparisons(2000, step) <= 2.2 * comparisons(1000, step)


@given(
    starts=st.lists(st.integers(-150 * 24, -1), min_size=1, max_size=40),
    delays=st.lists(st.floats(0, KEEP_S / 2), min_size=40, max_size=40),
)
def test_call_lead_calls_in_any_order_is_that_of_the_third_latest(
    starts: list[int], delays: list[float]
) -> None:
    setting = Setting(machine=-200 * DAY)
    setting.receive(MIN_CONFIRMATIONS)
    leads: dict[int, float] = {}
    for hours, delay in zip(starts, sorted(delays), strict=False):
        start, at = floor(setting.now) + 3600 * hours, setting.steady + delay
        setting.clock.call_began(start, at)
        leads.setdefault(start, start - at)
    proved = sorted(leads.values())[-MIN_CONFIRMATIONS:]
    expected = proved[0] if len(proved) == MIN_CONFIRMATIONS else float("-inf")
    assert setting.clock._call_lead == expected
