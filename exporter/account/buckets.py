"""Define the buckets of the histograms."""

import math
from bisect import bisect_left

TALK_TIME_BUCKETS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, math.inf)
"""Upper bounds in seconds."""


def answer_time_buckets(warning: float, critical: float) -> tuple[float, ...]:
    """Return the buckets of the time to answer: round seconds and the thresholds of the queue."""
    round_seconds = {2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, math.inf}
    return tuple(sorted(round_seconds | {float(warning), float(critical)} - {0.0}))


def bucket_label(seconds: int, bounds: tuple[float, ...]) -> str:
    """Return the upper bound of the bucket for a number of seconds, as text, as in keys."""
    return repr(bounds[bisect_left(bounds, seconds)])
