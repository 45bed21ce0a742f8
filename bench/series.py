"""Count an exporter's series by kind. `python -m bench.series` prints the table of docs/scaling.md.

The exporter runs in simulated time over real HTTP, with a high rate limit, so that all data is fetched soon.
"""

import gzip
from collections import Counter
from collections.abc import Iterator

from prometheus_client.exposition import generate_latest

from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled

COMPANIES = ((50, 375), (500, 3_000))
"""Users, and calls per busy hour."""

HOURS = 1
RATE_LIMIT = 60_000
KINDS = ("aircall_user_", "aircall_number_", "aircall_team_", "aircall_queue_", "aircall_call")
"""Prefixes of the families that grow with the company."""


def main() -> None:
    """Count the series of companies of several sizes, and print a table."""
    columns = (
        "users",
        "numbers",
        "teams",
        "series",
        "of users",
        "of numbers",
        "of teams",
        "counters of calls",
    )
    print(f"| {' | '.join(columns)} | kB | as gzip |")
    print("| --: " * (len(columns) + 2) + "|")
    for users, calls in COMPANIES:
        account = SimulatedAccount(users, calls, start=NOON)
        with polled(account, served={"rate_limit": RATE_LIMIT}) as world:
            world.live_until_complete()
            world.live(HOURS * 3600)
            text = generate_latest(world.registry)
        counted = Counter(map(_kind, _series(text.decode())))
        amounts = (
            *(users, len(account.numbers), len(account.teams), counted.total()),
            *(counted["aircall_user_"], counted["aircall_number_"] + counted["aircall_queue_"]),
            *(counted["aircall_team_"], counted["aircall_call"]),
            *(len(text) // 1000, len(gzip.compress(text)) // 1000),
        )
        print(f"| {' | '.join(f'{amount:,}' for amount in amounts)} |", flush=True)


def _series(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line and not line.startswith("#"))


def _kind(line: str) -> str:
    return next((kind for kind in KINDS if line.startswith(kind)), "rest")


if __name__ == "__main__":
    main()
