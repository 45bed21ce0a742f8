"""Fail requests of the simulated API, and look up the requests that it received."""

import re
from collections.abc import Callable
from itertools import pairwise
from math import inf

from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Respond
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import Polled
from tests.support.calls import missed_call

ERRORS = {
    "500": faults.answer(500, b"oops"),
    "403": faults.answer(403, b'{"message":"Forbidden"}'),
    "401": faults.answer(401, b'{"message":"Unauthorized"}'),
    "400": faults.answer(400),
    "422": faults.answer(422),
    "a web page": faults.answer(200, b"<html>", "text/html"),
    "no JSON": faults.answer(200, b"oops"),
    "an unreadable object": faults.answer(200, b'{"call":null,"number":null,"user":null,"numbers":0}'),
    "cut off": faults.cut_off,
    "no answer": faults.close_connection,
}


def at_path(*paths: str) -> Callable[[str], bool]:
    return lambda path: path in paths


def request_times(world: Polled, path: str, since: float = 0.0) -> list[float]:
    """Return the times of the requests of a path. A repetition on a new connection does not count."""
    times = [request.time for request in world.aircall.requests if request.path == path]
    return [at for before, at in pairwise([-inf, *times]) if at >= since and at - before > 1]


def page_with(is_bad: Callable[[int], bool], respond: Respond) -> Respond:
    """Answer by `respond` each page of calls that holds a bad one, by its start."""

    def holds(exchange: Exchange) -> bool:
        starts = re.findall(rb'"started_at":(\d+)', bytes(exchange.normal_response().body))
        return any(is_bad(int(start)) for start in starts)

    return faults.when(holds, respond)


def miss_calls(account: SimulatedAccount, begin: float, calls: int = 60) -> float:
    """Let callers be missed, one per second. Returns the time after the last one."""
    for second in range(calls):
        missed_call(account, begin + second)
    return begin + calls + 5
