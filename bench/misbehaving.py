"""Run a simulated account in a separate process, with one fault after the other for some minutes each."""

import logging
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ctypes import c_double
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from random import Random
from typing import Any

from exporter.clock import Clocks
from exporter.simulator.server import LoggedRequest, SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import expected_calls, open_calls, to_be_counted
from harness.faults.table import FAULT_CASES, FaultCase
from harness.simulated_time import NOON

UNFIT = {
    "server down",
    "headers that drip",
    "endless `100 Continue`",
    "no CA certificates",
    "users deleted mid-sweep",
    "ids beyond 2^53",
    "this machine's clock set",
}
"""Faults that do not work inside the server, or not repeatedly."""

FIT = [case for case in FAULT_CASES if not case.served and case.fault not in UNFIT]
CALM, LASTING = (300, 2400), (30, 300)
"""Shortest and longest seconds between two faults, and of a fault."""

CHECK_INTERVAL_S = 6 * 3600
"""Seconds between two checks of the number of requests in a minute."""


class SharedTime(Clocks):
    """Clocks that one of two processes sets (UNIX seconds)."""

    def __init__(self, shared: "Synchronized[float]") -> None:
        super().__init__(self, self)
        self._shared = shared

    def __call__(self) -> float:
        """Return the time in UNIX seconds."""
        return self.now

    @property
    def now(self) -> float:
        """The time in UNIX seconds."""
        return float(self._shared.value)

    @now.setter
    def now(self, now: float) -> None:
        self._shared.value = now


@dataclass(frozen=True)
class Company:
    """A company, its requests per minute, and the end of the faults (UNIX seconds)."""

    users: int
    calls_per_hour: int
    limit: int
    until: float
    seed: int = 1


class Misbehaving:
    """The account, its API, and the faults so far."""

    def __init__(self, company: Company, time: SharedTime) -> None:
        self._company, self._time = company, time
        self._random = Random(f"faults {company.seed}")  # noqa: S311 (a simulation)
        self._stack = ExitStack()
        self.account = SimulatedAccount(
            company.users, company.calls_per_hour, company.seed, start=NOON, history=0
        )
        self.aircall = SimulatedAircall(self.account, clock=time, rate_limit=company.limit)
        self.faults: Counter[str] = Counter()
        self.most_in_a_minute = 0
        self.account.schedule(NOON + self._random.uniform(*CALM), self._begin)
        self.account.schedule(NOON + CHECK_INTERVAL_S, self._look)

    def _begin(self) -> None:
        if self._time.now >= self._company.until:
            return
        case: FaultCase = self._random.choice(FIT)
        self.faults[f"{case.fault}, {case.detail}"] += 1
        self._stack.enter_context(case.inject(self.aircall))
        self.account.schedule(self.account.now + self._random.uniform(*LASTING), self._end)

    def _end(self) -> None:
        self._stack.close()
        self.account.schedule(self.account.now + self._random.uniform(*CALM), self._begin)

    def _look(self) -> None:
        self.most_in_a_minute = max(self.most_in_a_minute, most_in_a_minute(self.aircall.requests))
        self.account.schedule(self.account.now + CHECK_INTERVAL_S, self._look)

    def freeze(self) -> float:
        """Stop the account's time, and return it."""
        now = self._time.now
        self.aircall.clock = lambda: now
        self._look()
        return self.account.now

    def answers(self) -> dict[str, Callable[[], Any]]:
        """Return the functions that the other process may call."""
        return {
            "freeze": self.freeze,
            "open": lambda: open_calls(self.account),
            "plan": lambda: expected_calls(self.account),
            "to be counted": lambda: to_be_counted(self.account),
            "calls": lambda: len(self.account.calls),
            "faults": lambda: self.faults,
            "most in a minute": lambda: self.most_in_a_minute,
        }


def most_in_a_minute(requests: deque[LoggedRequest]) -> int:
    """Return the largest number of requests in any 60 seconds."""
    times: Sequence[float] = [request.time for request in list(requests)]
    return max(bisect_right(times, start + 60) - position for position, start in enumerate(times))


def serve(company: Company, shared: "Synchronized[float]", asked: Connection) -> None:
    """Serve the account, send its address, and answer calls until the other process closes the pipe."""
    logging.disable(logging.ERROR)  # uvicorn's, about interrupted responses
    misbehaving = Misbehaving(company, SharedTime(shared))
    answers = misbehaving.answers()
    with misbehaving.aircall as aircall:
        asked.send(aircall.base_url)
        while True:
            try:
                asked.send(answers[asked.recv()]())
            except EOFError:
                return


def shared_time() -> Any:
    """Return the shared value for `SharedTime` in both processes."""
    from multiprocessing import Value  # noqa: PLC0415 (a name too common)

    return Value(c_double, NOON)
