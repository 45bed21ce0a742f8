"""Define the buckets of the histograms."""

import math
from bisect import bisect_left
from collections.abc import Iterable

TALK_TIME_BUCKETS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, math.inf)
"""Upper bounds in seconds."""

CALL_BACK_BUCKETS = (
    60.0,
    300.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    28800.0,
    86400.0,
    172800.0,
    math.inf,
)
"""Upper bounds in seconds, from a minute to two days."""


def answer_time_buckets(thresholds: Iterable[float]) -> tuple[float, ...]:
    """Return the buckets of the time to answer: round seconds and the thresholds of waits."""
    round_seconds = {2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, math.inf}
    return tuple(sorted(round_seconds | set(map(float, thresholds)) - {0.0}))


def bucket_label(seconds: int, bounds: tuple[float, ...]) -> str:
    """Return the upper bound of the bucket for a number of seconds, as text, as in keys."""
    return repr(bounds[bisect_left(bounds, seconds)])
