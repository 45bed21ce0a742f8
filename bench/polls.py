"""Measure polls, from the response to the exposed text. `python -m bench.polls` prints a table.

The table is in docs/performance.md. In each poll three calls begin, three end and three leave the activity
period. The companies take turns, so that other load on the machine affects all of them.
"""

import argparse
import gc
import logging
import statistics
import sys
import time

import structlog

from bench.company import Company

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
    companies = {calls: Company(USERS, calls) for calls in CALLS}
    taken: dict[int, list[float]] = {calls: [] for calls in CALLS}
    for company in companies.values():
        company.exposition.expose("", zipped=True)
    gc.collect()
    for _ in range(arguments.polls):
        for calls, company in companies.items():
            company.go_on()
            begun = time.process_time()
            company.poll()
            taken[calls].append((time.process_time() - begun) * 1000)
    print("| calls in the period | median, ms | quartiles, ms | mean, ms |\n| --: | --: | --: | --: |")
    for calls, each in taken.items():
        low, median, high = statistics.quantiles(each)
        print(f"| {calls:,} | {median:.2f} | {low:.2f} to {high:.2f} | {statistics.fmean(each):.2f} |")
    medians = [statistics.median(each) for each in taken.values()]
    flat = max(medians) <= MAX_GROWTH * min(medians)
    if not flat:
        print(f"not flat within {MAX_GROWTH - 1:.0%}", file=sys.stderr)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
