"""What reading an account costs, as functions of its size: for the poller, and for planning without one.

A cost is the requests that one reading takes, given the seconds since the reading before: lists cost the
same however often they are read, calls cost the more the longer they were left alone.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

from exporter.account.calls import MOST_LOOKS, OVERLAP, at_most
from exporter.account.history import AGES
from exporter.aircall.endpoints import PER_PAGE

Cost = Callable[[float], float]

RINGING = 12.0
"""Seconds for which a call rings, on average."""

POLL = 10.0
"""Seconds from one poll of calls to the next, near enough to say how far back a page of calls reaches."""

SPREAD = ((0.8, 250.0), (0.2, 1500.0))
"""Over how many seconds the starts of calls that end now are spread: most within some minutes, few widely."""

ENDING_SHARE = 0.8
"""Share of the calls that are answered, and have to be looked at once more after they ended."""


def constant(requests: float) -> Cost:
    """The cost of what is always read whole."""
    return lambda _: requests


def list_pages(objects: int) -> int:
    """Requests for a list of so many objects."""
    return max(1, math.ceil(objects / PER_PAGE))


def call_pages(calls: float) -> float:
    """Requests for calls that are so many on average, and now more, now fewer."""
    if calls <= 0:
        return 1.0
    spread = NormalDist(calls, math.sqrt(calls))
    surely_full = max(0, math.floor((calls - 5 * spread.stdev) / PER_PAGE))
    perhaps_full = range(surely_full + 1, math.ceil((calls + 5 * spread.stdev) / PER_PAGE) + 1)
    return 1 + surely_full + sum(1 - spread.cdf(PER_PAGE * page + 0.5) for page in perhaps_full)


def calls(per_second: float) -> Cost:
    """A poll of calls: those since the one before, and those that rang then.

    What rings for long is reached by paging back so many seconds, or asked for one by one, whichever is
    cheaper.
    """

    def cost(interval: float) -> float:
        return min(
            call_pages(1 + per_second * (interval + back)) + per_second * RINGING * math.exp(-back / RINGING)
            for back in range(OVERLAP, 91, 15)
        )

    return cost


def endings(per_second: float) -> Cost:
    """A look at the calls that ended since the one before, but for those on the page that is read anyway.

    One request finds all among fifty neighbours: hardly more than one call where few have ended, and many
    where one waited until many had.
    """
    reach = max(0.0, PER_PAGE - at_most(POLL * per_second)) / per_second if per_second else 0.0

    def cost(interval: float) -> float:
        def requests(share: float, spread: float) -> float:
            beyond = max(0.0, 1 - reach / spread)
            ended = beyond * share * ENDING_SHARE * per_second * interval
            among_fifty = share * ENDING_SHARE * PER_PAGE * interval / (spread + interval)
            return ended / (1 + among_fifty)

        return min(MOST_LOOKS, sum(requests(share, spread) for share, spread in SPREAD))

    return cost


def late_edits(per_second: float) -> float:
    """Requests a minute for reading each call again at every age at which it may have been edited."""
    return 60 * len(AGES) * per_second / PER_PAGE


def assignments(users: int, numbers: int) -> int:
    """Requests to learn who answers which number."""
    return min(users, numbers)
