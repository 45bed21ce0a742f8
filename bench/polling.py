"""Measure requests and the age of data. `python -m bench.polling` prints tables for docs/performance.md.

The exporter and the tutorial's tracker fetch a simulated account over real HTTP in simulated time, so the
results do not depend on this machine. It takes some minutes, mostly for the largest company.
"""

import logging
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import mean

import structlog

from bench.tutorial import AVAILABILITIES, CALLS, Tracker
from exporter.account.records import Batch
from exporter.aircall.request_budget import RequestBudget
from exporter.archive.store import Archive
from exporter.config.settings import Settings
from exporter.polling import estimate
from exporter.polling.plan import Plan, plan
from exporter.polling.schedule import CORE, DIRECTORY, ENDED_CALLS
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import LATENCY, NOON, Polled, SimulatedTime

HISTORY_S = 2 * 3600
"""Seconds of the account's history before the exporter starts."""

SETTLING_TIME_S = 3600
"""Seconds from the first complete fetch until measuring begins."""

NO_LIMIT = 100_000


@dataclass(frozen=True)
class Case:
    """A company, its requests per minute, and the seconds of measuring."""

    users: int
    calls_per_hour: int
    limit: int
    seconds: int

    def account(self) -> SimulatedAccount:
        """Return a simulated account of this size."""
        return SimulatedAccount(self.users, self.calls_per_hour, seed=3, start=NOON, history=HISTORY_S)


CASES = (
    Case(24, 180, 60, 1800),
    Case(100, 750, 60, 1800),
    Case(500, 3000, 60, 1800),
    Case(500, 3000, 240, 1800),
    Case(2000, 12_000, 60, 3600),
    Case(10_000, 20_000, 60, 3600),
    Case(10_000, 60_000, 60, 3600),
)


class Exporter(Polled):
    """The exporter in simulated time, which records requests and ages since `since`."""

    def __init__(self, aircall: SimulatedAircall, time: SimulatedTime) -> None:
        self.since = float("inf")
        self.requests: Counter[str] = Counter()
        """Requests by task."""
        self.ages: dict[str, list[float]] = {name: [] for name in CORE}
        """The age of each dataset at each second."""
        self.until_counted: list[float] = []
        """Seconds from the end of each call until it was counted."""
        self.known_after: dict[str, float] = {}
        super().__init__(aircall, time, Archive("sqlite://"))
        self._go_on = self.poller._advance
        self.poller._advance = self._counted  # type: ignore[method-assign]

    def _counted(self, name: str, now: float) -> None:
        if now >= self.since:
            self.requests[name] += 1
        self._go_on(name, now)

    def _submit(self, batch: Batch) -> None:
        super()._submit(batch)
        ends = [addition.call.ended_at for addition in batch.counted_calls if addition.stage == "counted"]
        self.until_counted += [self.time.now - at for at in ends if at is not None and at >= self.since]

    def start(self) -> None:
        """Poll until all data has been fetched, and `SETTLING_TIME_S` longer."""
        self.known_after = self.live_until_complete(within=math.inf)
        self.live(SETTLING_TIME_S)

    def measure(self, seconds: int) -> None:
        """Poll for `seconds`, and record the age of each dataset every second."""
        self.since = self.time.now
        for second in range(seconds):
            self.live(self.since + second + 1 - self.time.now)
            for name, polling in self.poller.status().datasets.items():
                if name in self.ages and polling.as_of is not None:
                    self.ages[name].append(self.time.now - polling.as_of)

    def plan(self, limit: float) -> Plan:
        """Return the plan for this account."""
        company = replace(estimate.size(self.poller.account), calls_per_hour=self.calls_per_hour)
        return plan(company, Settings(), limit, LATENCY)

    @property
    def times(self) -> list[float]:
        """Return when requests arrived (UNIX seconds)."""
        return [request.time for request in self.aircall.requests]

    @property
    def calls_per_hour(self) -> float:
        """The account's calls per hour while it was measured."""
        calls = self.account.calls.started_between(int(self.since), int(self.time.now))
        return 3600 * len(calls) / (self.time.now - self.since)


def main() -> None:
    """Compare the exporter with the tutorial's board, and print tables."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print("| | calls, age | requests a minute for calls | for availabilities | in all |")
    print("| --- | --: | --: | --: | --: |")
    for cells in against_the_tutorial(Case(500, 3000, 60, 1800)):
        print(as_row(cells), flush=True)
    seconds = mapping_seconds(Case(500, 3000, 60, 0))
    print(f"\nThe tutorial's mapping of users to numbers takes {seconds:.0f} s at 60 requests a minute.")
    print(
        "\n| company, limit | requests a minute | most in a minute | queue | availabilities | ends of calls"
        " | first board | assignments |\n| --- | --: | --: | --: | --: | --: | --: | --: |"
    )
    for case in CASES:
        print(as_row(case_cells(case)), flush=True)


def case_cells(case: Case) -> Iterator[str]:
    """Yield a company's planned and measured figures."""
    with running(case) as exporter:
        exporter.start()
        exporter.measure(case.seconds)
        planned = exporter.plan(case.limit)
        refused = sum(request.status == 429 for request in exporter.aircall.requests)
        budget = exporter.poller.budget
        yield f"{case.users} users, {case.calls_per_hour} calls/h, {case.limit}/min"
        yield f"{planned.requests:.1f} / {60 * exporter.requests.total() / case.seconds:.1f}"
        yield f"{most_in_a_minute(exporter.times)} of {budget.requests_per_minute:g}, {refused} refused"
        for name in CORE:
            reading, ages = planned.readings[name], exporter.ages[name]
            pages = reading.requests * reading.interval / 60
            yield (
                f"{reading.mean_age:.1f} / {mean(ages):.1f},"
                f" {reading.age(0.95):.1f} / {percentile(ages, 95):.1f},"
                f" {60 * pages / budget.sustained:.1f}"
            )
        ends = exporter.until_counted
        yield f"{planned.until_counted:.0f} / {mean(ends):.0f}, - / {percentile(ends, 95):.0f}"
        first = max(exporter.known_after[name] for name in (*CORE, *DIRECTORY))
        yield f"{planned.first_board:.0f} / {first:.0f}"
        yield f"{planned.first_read['assignments']:.0f} / {exporter.known_after['assignments']:.0f}"


def against_the_tutorial(case: Case) -> Iterator[Iterator[str]]:
    """Yield the requests of both for the same age of calls, and the tutorial's age within the limit."""
    with running(case) as exporter:
        exporter.start()
        exporter.measure(case.seconds)
        interval = exporter.poller.status().datasets["calls"].interval
        minutes, ages = case.seconds / 60, exporter.ages["calls"]
        for_calls = {lane: exporter.requests[lane] / minutes for lane in ("calls", ENDED_CALLS, "late edits")}
        availabilities = exporter.requests["availabilities"] / minutes
        details = ", ".join(f"{lane} {rate:.1f}" for lane, rate in for_calls.items())
        yield iter(
            (
                f"the exporter, limit {case.limit}",
                age_words(ages),
                f"{sum(for_calls.values()):.1f} ({details})",
                f"{availabilities:.1f}",
                f"{exporter.requests.total() / minutes:.1f}",
            )
        )
    tracker = track(case, NO_LIMIT, interval)
    as_old = interval - 2 * (mean(tracker.ages(CALLS)) - mean(ages))
    for limit, interval, words in (
        (NO_LIMIT, as_old, f"the tutorial, every {as_old:.1f} s, without a limit"),
        (case.limit, 0.0, f"the tutorial, as often as {case.limit} requests a minute allow"),
    ):
        tracker = track(case, limit, interval)
        yield iter((words, age_words(tracker.ages(CALLS)), *tutorial_rates(tracker)))


def mapping_seconds(case: Case) -> float:
    """Return how many seconds the tutorial's board waits for the assignments."""
    time = SimulatedTime()
    with SimulatedAircall(case.account(), clock=time, rate_limit=case.limit) as aircall:
        Tracker(aircall, time, RequestBudget(1, case.limit)).map_users()
    return time.now - NOON


def track(case: Case, limit: int, interval: float) -> Tracker:
    """Run the tutorial's tracker."""
    time = SimulatedTime()
    with SimulatedAircall(case.account(), clock=time, rate_limit=limit) as aircall:
        tracker = Tracker(aircall, time, RequestBudget(1, limit))
        tracker.refresh_every(interval, case.seconds)
    return tracker


def tutorial_rates(tracker: Tracker) -> Iterator[str]:
    """Yield the tutorial's requests per minute: for calls, for availabilities, and together."""
    paths = Counter(request.path for request in tracker.aircall.requests)
    minutes = (tracker.time.now - NOON) / 60
    calls, availabilities = paths[CALLS] / minutes, paths[AVAILABILITIES] / minutes
    yield from (f"{calls:.1f}", f"{availabilities:.1f}", f"{calls + availabilities:.1f}")


@contextmanager
def running(case: Case) -> Iterator[Exporter]:
    """Return an exporter that polls an account of this size in simulated time."""
    time = SimulatedTime()
    with SimulatedAircall(case.account(), clock=time, rate_limit=case.limit) as aircall:
        exporter = Exporter(aircall, time)
        try:
            yield exporter
        finally:
            exporter.client.close()
            exporter.writer.stop()


def most_in_a_minute(times: Sequence[float]) -> int:
    """Return the largest number of requests in any 60 seconds."""
    return max(bisect_right(times, start + 60) - position for position, start in enumerate(times))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of `values`."""
    return sorted(values)[len(values) * percent // 100]


def age_words(ages: Sequence[float]) -> str:
    """Return the mean and the 95th percentile of ages in seconds as text."""
    return f"{mean(ages):.1f} s on average, {percentile(ages, 95):.1f} at most for 95 %"


def as_row(cells: Iterator[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
