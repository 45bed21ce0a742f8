"""Estimate how many requests each dataset takes, as a function of the account's size.

A cost is the number of requests of one fetch, given the seconds since the previous one. Lists always cost the
same. Calls cost more after a longer interval. The poller and the planner both use these functions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from exporter.account.call_store import upper_bound
from exporter.account.coverage import RECHECK_AGES_S
from exporter.aircall.endpoints import PER_PAGE
from exporter.polling.ended_calls import MAX_REQUESTS_PER_PASS
from exporter.polling.pages_to_fetch import POLL_OVERLAP_S


@dataclass(frozen=True)
class Cost:
    """Requests needed to fetch everything that accumulated in an interval, at most `cap` per fetch.

    The next fetch continues with the rest.
    """

    uncapped: Callable[[float], float]
    cap: float = math.inf

    def __call__(self, interval: float) -> float:
        """Return the requests of a fetch, `interval` seconds after the previous one."""
        return min(self.cap, self.uncapped(interval))

    def scaled(self, factor: float) -> "Cost":
        """Return this cost multiplied by a factor. The cap stays."""
        return Cost(lambda interval: factor * self.uncapped(interval), self.cap)


RINGING_S = 12.0
"""Mean ringing time of a call, in seconds."""

INBOUND_SHARE = 0.7
"""Share of inbound calls."""

POLL_INTERVAL_S = 5.0
"""Approximate interval of polls in seconds, to estimate how far back a page of calls reaches."""

ANSWERED_SHARE = 0.76
"""Share of answered calls, which have to be fetched again after they ended."""

LENGTH, LENGTH_SPREAD = 190.0, 0.85
"""Log-normal length of answered calls: the median in seconds, and the standard deviation of the logarithm."""

LONGEST, SLICES = 7200.0, 24
"""Longest call of the model in seconds, and the number of slices into which ages up to it are divided."""

_LENGTH = NormalDist(math.log(LENGTH), LENGTH_SPREAD)


def constant(requests: float) -> Cost:
    """Return the cost of a dataset that always takes the same number of requests."""
    return Cost(lambda _: requests)


def list_pages(objects: int) -> int:
    """Return the number of pages of a list with this many objects."""
    return max(1, math.ceil(objects / PER_PAGE))


def expected_pages(calls: float) -> float:
    """Return the mean number of pages of a list whose length varies (Poisson) around `calls`."""
    if calls <= 0:
        return 1.0
    spread = NormalDist(calls, math.sqrt(calls))
    surely_full = max(0, math.floor((calls - 5 * spread.stdev) / PER_PAGE))
    perhaps_full = range(surely_full + 1, math.ceil((calls + 5 * spread.stdev) / PER_PAGE) + 1)
    return 1 + surely_full + sum(1 - spread.cdf(PER_PAGE * page + 0.5) for page in perhaps_full)


def calls(per_second: float) -> Cost:
    """Return the cost of a poll of calls: new calls, and those that waited at the previous poll.

    A call that has waited for long is on a further page or is requested by its id, whichever is cheaper.
    """

    def cost(interval: float) -> float:
        new = upper_bound(per_second * interval)
        least = expected_pages(new + per_second * POLL_OVERLAP_S)
        return min(least + more + beyond(PER_PAGE * (least + more) - new) for more in range(4))

    def beyond(calls: float) -> float:
        """Return the number of waiting calls that are older than this many latest calls."""
        return per_second * INBOUND_SHARE * RINGING_S * math.exp(-calls / per_second / RINGING_S)

    return Cost(cost) if per_second else constant(1)


def ended_calls(per_second: float) -> Cost:
    """Return the cost of fetching the calls that ended since the previous fetch.

    Calls on the first page of the poll cost nothing. One request finds all ended calls among 50 neighbours:
    about one if few have ended, and many after a long interval.
    """
    youngest = min(LONGEST, first_page_seconds(per_second))
    ages = [youngest + (LONGEST - youngest) * (step / SLICES) ** 2 for step in range(SLICES + 1)]
    middles = [(older + newer) / 2 for newer, older in pairwise(ages)]
    slices = [
        (older - newer, age, ended_fraction(age))
        for (newer, older), age in zip(pairwise(ages), middles, strict=True)
    ]

    def cost(interval: float) -> float:
        requests = 0.0
        for seconds, age, ended_by_now in slices:
            newly_ended = ANSWERED_SHARE * (ended_by_now - ended_fraction(age - interval))
            requests += seconds * newly_ended / (1 + PER_PAGE * newly_ended)
        return per_second * requests

    return Cost(cost, MAX_REQUESTS_PER_PASS)


def first_page_seconds(per_second: float) -> float:
    """Return how many seconds back the first page of a poll reaches."""
    return (
        max(0.0, PER_PAGE - upper_bound(POLL_INTERVAL_S * per_second)) / per_second
        if per_second
        else math.inf
    )


def ended_fraction(age: float) -> float:
    """Return the share of answered calls that have ended `age` seconds after their start."""
    return _LENGTH.cdf(math.log(age)) if age > 0 else 0.0


def late_edits(per_second: float) -> float:
    """Return the requests per minute for rechecking each call at every age of `RECHECK_AGES_S`."""
    return 60 * len(RECHECK_AGES_S) * per_second / PER_PAGE


def assignments(users: int, numbers: int) -> int:
    """Return the requests that fetching the assignments takes."""
    return min(users, numbers)
