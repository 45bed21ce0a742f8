"""A lane that fails, for however long."""

import math

from exporter.aircall.endpoints import Asking
from exporter.polling.lane import LONGEST_RETRY, Lane


def nothing(_: float) -> Asking[None]:
    yield from ()


def test_days_of_failures_are_waited_out_like_hours_of_them() -> None:
    lane = Lane(nothing)
    for _ in range(5000):
        lane.give_up_in_the_end()
        lane.fail(1000.0, math.inf)
    assert lane.retry_at == 1000.0 + LONGEST_RETRY
