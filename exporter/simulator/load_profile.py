"""Define call rates and opening hours over the day. Hours are 0 to 24, in company time."""

from itertools import pairwise
from math import pi, sin

DAY_S = 86_400.0
MID_MORNING_HOUR = 10.5

_BUSYNESS = (
    (0.0, 0.04), (6.0, 0.04), (8.0, 0.5), (9.0, 0.95), (11.0, 1.1), (12.5, 0.8), (14.0, 1.0), (16.0, 1.05),
    (18.0, 0.5), (20.0, 0.15), (24.0, 0.04),
)  # fmt: skip
PEAK_LOAD_FACTOR = 1.6
"""The highest load factor of the day."""


class CompanyClock:
    """The company's time of day, from a time (UNIX seconds) at which it is mid-morning there."""

    def __init__(self, mid_morning: float) -> None:
        self._mid_morning = mid_morning
        self._midnight = mid_morning - MID_MORNING_HOUR * 3600

    def midnight(self, at: float) -> float:
        """Return the last midnight up to `at`; both in UNIX seconds."""
        return at - (at - self._midnight) % DAY_S

    def hour(self, at: float) -> float:
        """Return the hour of the day at `at` (UNIX seconds)."""
        return (at - self._midnight) % DAY_S / 3600

    def load_factor(self, at: float) -> float:
        """Return the load at `at` (UNIX seconds), relative to an ordinary working hour.

        The load varies in waves of a few minutes. Without these there would be no queues.
        """
        minutes = (at - self._mid_morning) / 60
        waves = 1 + 0.3 * sin(2 * pi * minutes / 13 + 2) + 0.12 * sin(2 * pi * minutes / 39 + 1)
        return _between(_BUSYNESS, self.hour(at)) * waves

    def is_open(self, opening: tuple[float, float] | None, at: float) -> bool:
        """Return whether a number is open at `at` (UNIX seconds). Without opening hours it is always open."""
        return opening is None or opening[0] <= self.hour(at) < opening[1]


def _between(points: tuple[tuple[float, float], ...], x: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]
