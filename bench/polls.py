"""Measure polls, from the response to the exposed text. `python -m bench.polls` prints two tables.

They are in docs/performance.md: one for the calls in the activity period, one for those of the day. In each
poll three calls begin, three end and three leave the activity period. The companies take turns, so that other
load on the machine affects all of them.
"""

import argparse
import gc
import logging
import statistics
import sys
import time
from collections.abc import Mapping

import structlog

from bench.company import GOING_ON, Company

USERS = 500
CALLS = (1_000, 10_000, 50_000)
MAX_GROWTH = 1.2
"""Maximum ratio of the largest company's time to the smallest one's."""


def main() -> int:
    """Measure polls in companies of several sizes, and print a table. Returns 1 if the time grows."""
    parser = argparse.ArgumentParser(prog="python -m bench.polls", description=__doc__)
    parser.add_argument("--polls", type=int, default=300, help="default: %(default)s")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    are_flat = [
        measure("calls in the period", {calls: Company(USERS, calls) for calls in CALLS}, arguments.polls),
        measure("calls of the day", {calls: day(calls) for calls in CALLS}, arguments.polls),
    ]
    if not all(are_flat):
        print(f"not flat within {MAX_GROWTH - 1:.0%}", file=sys.stderr)
    return 0 if all(are_flat) else 1


def day(calls: int) -> Company:
    """Return a company with this number of calls since the day began."""
    company = Company(USERS, calls, of_day=True)
    assert company.calls_of_day >= calls - GOING_ON, company.calls_of_day  # noqa: S101 (else it measures less)
    return company


def measure(title: str, companies: Mapping[int, Company], polls: int) -> bool:
    """Print a table of the companies by number of calls. Returns whether the time is flat."""
    taken: dict[int, list[float]] = {calls: [] for calls in companies}
    for company in companies.values():
        company.exposition.expose("", zipped=True)
    gc.collect()
    for _ in range(polls):
        for calls, company in companies.items():
            company.go_on()
            begun = time.process_time()
            company.poll()
            taken[calls].append((time.process_time() - begun) * 1000)
    print(f"| {title} | median, ms | quartiles, ms | mean, ms |\n| --: | --: | --: | --: |")
    for calls, each in taken.items():
        low, median, high = statistics.quantiles(each)
        print(f"| {calls:,} | {median:.2f} | {low:.2f} to {high:.2f} | {statistics.fmean(each):.2f} |")
    medians = [statistics.median(each) for each in taken.values()]
    return max(medians) <= MAX_GROWTH * min(medians)


if __name__ == "__main__":
    sys.exit(main())
