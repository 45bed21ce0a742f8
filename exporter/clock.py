"""The two clocks of the machine that the exporter runs on.

Durations come from the steady clock, which is never set and which counts the time of a suspend. A UNIX time
is computed from it when it is exposed or stored for others, so that it follows a wall clock that is set.
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]
"""Returns the time now, in seconds."""


class Moment(NamedTuple):
    """One moment on the steady clock, and by how much the wall clock leads that, in seconds."""

    steady: float
    wall_ahead: float = 0.0

    def unix(self, at: float) -> float:
        """Return the UNIX time of `at`, a time of the steady clock, rounded to milliseconds."""
        return round(at + self.wall_ahead, 3)


class Clocks:
    """The steady clock and the wall clock.

    All times within the exporter are seconds of the steady clock. It begins with the UNIX time that the wall
    clock showed when the exporter started, so the two are equal until the wall clock is set.
    """

    def __init__(self, steady: Clock, wall: Clock | None = None) -> None:
        """Take a steady clock, and a wall clock, which is the machine's if none is given."""
        self.steady = steady
        self.wall = wall or time.time

    @property
    def wall_ahead(self) -> float:
        """Seconds to add to a time of the steady clock to get UNIX time, by the wall clock as it is now."""
        return self.wall() - self.steady()

    def unix(self, at: float) -> float:
        """Return the UNIX time of `at`, a time of the steady clock."""
        return at + self.wall_ahead


def steady_clock() -> Clock:
    """Return a steady clock that begins with the UNIX time of now."""
    count = _counter()
    ahead = time.time() - count()
    return lambda: count() + ahead


def _counter() -> Clock:
    """Return seconds since some moment, the time of a suspend included if the system can tell it."""
    # CLOCK_MONOTONIC counts a suspend on macOS, unlike time.monotonic() there; on Linux CLOCK_BOOTTIME does.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    clock = getattr(time, name, None)
    if clock is None:
        return time.monotonic
    try:
        time.clock_gettime(clock)
    except OSError:
        return time.monotonic
    return lambda: time.clock_gettime(clock)
