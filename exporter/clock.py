"""The exporter's clock: UNIX time that nobody sets back."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Gives the time now, in UNIX seconds."""


def steady_clock() -> Clock:
    """UNIX time as it was when the exporter started, carried on by the monotonic clock.

    Intervals, budget and ages survive a wall clock that is set; what Aircall's clock says is told from
    its own `Date` header, so it needs no wall clock either.
    """
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead
