"""Measure the cost of the wallboards in Prometheus. `python -m bench.dashboards` prints a table.

A real Prometheus with the repository's prometheus.yml scrapes a simulated company. Then it evaluates all
queries of a wallboard, as a screen does at each refresh. The CPU time of the Prometheus process without such
refreshes is measured in the same run and subtracted.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.dashboards import filled_in, panels
from harness.process import COMMAND, credential, process
from harness.prometheus import prometheus
from harness.scrape import Scrape, wait_for_assignments

WALLBOARDS = ("aircall-wallboard", "aircall-numbers")
TARGET_MS = 100
"""Maximum CPU time of a refresh, in milliseconds."""


def main() -> int:
    """Measure each wallboard for each number of users. Returns 1 if a refresh costs too much."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboards", description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[24, 100, 500], help="default: %(default)s")
    parser.add_argument("--teams", type=int, default=20, help="at most (default: %(default)s)")
    parser.add_argument("--refreshes", type=int, default=60, help="default: %(default)s")
    arguments = parser.parse_args()
    expensive = []
    print("| users | teams | numbers | wallboard | queries | CPU of Prometheus per refresh, ms |")
    print("| --: | --: | --: | --- | --: | --: |")
    for users in arguments.users:
        account = SimulatedAccount(users, start=time.time())
        merge_teams(account, arguments.teams)
        with started(account) as server:
            for uid in WALLBOARDS:
                queries = [
                    filled_in(t["expr"], {}) for each in panels(uid) for t in each.targets if "expr" in t
                ]
                cost = cost_ms(server, queries, arguments.refreshes)
                size = f"{users} | {len(account.teams)} | {len(account.numbers)}"
                print(f"| {size} | {uid} | {len(queries)} | {cost:.0f} |", flush=True)
                if cost > TARGET_MS:
                    expensive.append(f"{uid}, {users} users: more than {TARGET_MS} ms")
    for problem in expensive:
        print(problem, file=sys.stderr)
    return 1 if expensive else 0


def merge_teams(account: SimulatedAccount, most: int) -> None:
    """Move the users of all teams but the first `most` into these, in order."""
    teams = list(account.teams.values())
    for index, team in enumerate(teams[most:]):
        teams[index % most].user_ids |= team.user_ids
        del account.teams[team.id]


@contextmanager
def started(account: SimulatedAccount) -> Iterator[str]:
    """Run the account, the exporter and Prometheus. Returns Prometheus' URL."""
    with SimulatedAircall(account, rate_limit=600) as aircall, TemporaryDirectory() as directory:
        environ = credential(aircall)
        with (
            process(f"--storage.path={directory}", command=COMMAND, **environ) as exporter,
            prometheus(exporter.url) as server,
        ):
            wait_for_assignments(exporter.url)
            time.sleep(30)  # until Prometheus has several samples of each series
            yield server


def cost_ms(server: str, queries: list[str], refreshes: int) -> float:
    """Return the CPU time of a refresh in Prometheus, in milliseconds."""

    def refresh() -> None:
        for query in queries:
            requests.get(f"{server}/api/v1/query", params={"query": query}, timeout=30).raise_for_status()

    refresh()
    idle = cpu_per_second(server, lambda: time.sleep(0.5), refreshes)
    start = time.monotonic()
    used = cpu_per_second(server, refresh, refreshes)
    seconds = time.monotonic() - start
    return max(0.0, (used - idle) * seconds / refreshes * 1000)


def cpu_per_second(server: str, step: Callable[[], None], times: int) -> float:
    """Return the CPU seconds that Prometheus uses per second while a step is repeated."""
    before, start = cpu_seconds(server), time.monotonic()
    for _ in range(times):
        step()
    return (cpu_seconds(server) - before) / (time.monotonic() - start)


def cpu_seconds(server: str) -> float:
    """Return the CPU time that the Prometheus process has used."""
    return Scrape.at(server).number("process_cpu_seconds_total")


if __name__ == "__main__":
    sys.exit(main())
