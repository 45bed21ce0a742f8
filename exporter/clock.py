"""Provide the exporter's two clocks: the steady clock ("our clock") and the machine's wall clock.

Durations come from the steady clock, which is never set and includes the time of a suspend. A UNIX time is
computed from it when it is exposed or stored, so that it follows changes of the wall clock.
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]
"""Returns the time now, in seconds."""


class Moment(NamedTuple):
    """A time of the steady clock, and the lead of the wall clock over it, in seconds."""

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
        """Use a steady clock, and a wall clock (default: the machine's)."""
        self.steady = steady
        self.wall = wall or time.time

    @property
    def wall_ahead(self) -> float:
        """Seconds to add to a time of the steady clock to get UNIX time, by the current wall clock."""
        return self.wall() - self.steady()

    def unix(self, at: float) -> float:
        """Return the UNIX time of `at`, a time of the steady clock."""
        return at + self.wall_ahead


def steady_clock() -> Clock:
    """Return a steady clock that begins with the current UNIX time."""
    count = _counter()
    ahead = time.time() - count()
    return lambda: count() + ahead


def _counter() -> Clock:
    """Return a clock with an arbitrary start that includes the time of a suspend, if the system has one."""
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
