"""What reading an account costs, as functions of its size: for the poller, and for planning without one.

A cost is the requests that one reading takes, given the seconds since the reading before: lists cost the
same however often they are read, calls cost the more the longer they were left alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from exporter.account.call_store import MAX_REQUESTS_PER_PASS, POLL_OVERLAP_S, upper_bound
from exporter.account.coverage import RECHECK_AGES_S
from exporter.aircall.endpoints import PER_PAGE


@dataclass(frozen=True)
class Cost:
    """The requests that all takes which came up in so many seconds, and how many one reading makes `at_most`.

    What is left over is for the next reading.
    """

    uncapped: Callable[[float], float]
    cap: float = math.inf

    def __call__(self, interval: float) -> float:
        """Requests of a reading, `interval` seconds after the one before."""
        return min(self.cap, self.uncapped(interval))

    def scaled(self, factor: float) -> "Cost":
        """The cost where all takes so many times what was reckoned with."""
        return Cost(lambda interval: factor * self.uncapped(interval), self.cap)


RINGING = 12.0
"""Seconds for which a call rings, on average."""

INBOUND = 0.7
"""Share of the calls in which a caller waits."""

POLL = 10.0
"""Seconds from one poll of calls to the next, near enough to say how far back a page of calls reaches."""

ANSWERED = 0.76
"""Share of the calls that are answered, and have to be looked at once more after they ended."""

LENGTH, LENGTH_SPREAD = 190.0, 0.85
"""Seconds that half of the answered calls are shorter than, and the standard deviation of the logarithm."""

LONGEST, SLICES = 7200.0, 24
"""Seconds: hardly a call is longer. In so many slices the ages up to that are looked at."""

_LENGTH = NormalDist(math.log(LENGTH), LENGTH_SPREAD)


def constant(requests: float) -> Cost:
    """The cost of what is always read whole."""
    return Cost(lambda _: requests)


def list_pages(objects: int) -> int:
    """Requests for a list of so many objects."""
    return max(1, math.ceil(objects / PER_PAGE))


def expected_pages(calls: float) -> float:
    """Requests for calls that are so many on average, and now more, now fewer."""
    if calls <= 0:
        return 1.0
    spread = NormalDist(calls, math.sqrt(calls))
    surely_full = max(0, math.floor((calls - 5 * spread.stdev) / PER_PAGE))
    perhaps_full = range(surely_full + 1, math.ceil((calls + 5 * spread.stdev) / PER_PAGE) + 1)
    return 1 + surely_full + sum(1 - spread.cdf(PER_PAGE * page + 0.5) for page in perhaps_full)


def calls(per_second: float) -> Cost:
    """A poll of calls: those since the one before, and those that waited then.

    Who waits for long is reached by paging back to him, or asked for by himself, whichever is cheaper.
    """

    def cost(interval: float) -> float:
        new = upper_bound(per_second * interval)
        least = expected_pages(new + per_second * POLL_OVERLAP_S)
        return min(least + more + beyond(PER_PAGE * (least + more) - new) for more in range(4))

    def beyond(calls: float) -> float:
        """How many waited that began before the last so many."""
        return per_second * INBOUND * RINGING * math.exp(-calls / per_second / RINGING)

    return Cost(cost) if per_second else constant(1)


def ended_calls(per_second: float) -> Cost:
    """A look at the calls that ended since the one before, but for those on the page that is read anyway.

    One request finds all among fifty neighbours: hardly more than one call where few have ended, and many
    where one waited until many had.
    """
    youngest = min(LONGEST, first_page_seconds(per_second))
    ages = [youngest + (LONGEST - youngest) * (step / SLICES) ** 2 for step in range(SLICES + 1)]
    slices = [(older - newer, (older + newer) / 2) for newer, older in pairwise(ages)]

    def cost(interval: float) -> float:
        def ended(age: float) -> float:
            """Which share of the calls that began so long ago has ended since the last look."""
            return ANSWERED * (ended_fraction(age) - ended_fraction(age - interval))

        looks = (seconds * ended(age) / (1 + PER_PAGE * ended(age)) for seconds, age in slices)
        return per_second * sum(looks)

    return Cost(cost, MAX_REQUESTS_PER_PASS)


def first_page_seconds(per_second: float) -> float:
    """How many seconds back the page of calls reaches that is read anyway."""
    return max(0.0, PER_PAGE - upper_bound(POLL * per_second)) / per_second if per_second else math.inf


def ended_fraction(age: float) -> float:
    """The share of the calls that are answered which are over so many seconds after they began."""
    return _LENGTH.cdf(math.log(age)) if age > 0 else 0.0


def late_edits(per_second: float) -> float:
    """Requests a minute for reading each call again at every age at which it may have been edited."""
    return 60 * len(RECHECK_AGES_S) * per_second / PER_PAGE


def assignments(users: int, numbers: int) -> int:
    """Requests to learn who answers which number."""
    return min(users, numbers)
