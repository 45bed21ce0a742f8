"""Measure the time from the first ring to the wallboard. `python -m bench.ring_to_screen` prints tables.

A company of 24 users with Aircall's usual limit of 60 requests per minute, in real time: the simulated
account, the exporter in its own process with its default intervals, and a real Prometheus with the
repository's prometheus.yml and rules. Callers ring at random times and are answered, or hang up, some seconds
later. A client evaluates the query of waiting callers every two seconds, as Grafana does. First by
polling alone; then the simulated account also delivers events to the webhook.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import requests

from exporter.simulator.models import SimulatedCall
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryThread, NetworkConditions
from exporter.simulator.webhooks import SimulatedWebhook
from exporter.webhooks.receiver import PATH
from harness.process import COMMAND, credential, process
from harness.prometheus import prometheus
from harness.scrape import wait_for_assignments

QUERY = 'aircall_queue_call_wait_seconds{job="aircall"}'
"""What a wallboard shows of waiting callers."""

REFRESH_S = 2.0
"""Seconds between two evaluations."""

USERS, CALLS_PER_HOUR, LIMIT = 24, 180, 60
TOKEN = "token-of-the-bench"  # noqa: S105 (no secret: a simulated account)
WAIT_S = (15.0, 30.0)
"""Shortest and longest time for which a caller waits, in seconds."""

TARGETS_S = {"polling alone": 8.0, "with events": 4.0}
"""The largest 95th percentile from ring to screen, in seconds."""


def main() -> int:
    """Measure both ways, and print a table. Returns 1 if a target is missed or a caller is not shown."""
    parser = argparse.ArgumentParser(prog="python -m bench.ring_to_screen", description=__doc__)
    parser.add_argument("--rings", type=int, default=80, help="of each row (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=200, help="of each row (default: %(default)s)")
    arguments = parser.parse_args()
    print("| from the first ring until it is shown | rings | average, s | median, s | p95, s | maximum, s |")
    print("| --- | --: | --: | --: | --: | --: |")
    missed, gone = [], dict[str, list[float]]()
    for way, target in TARGETS_S.items():
        with started(events=way == "with events") as (account, server):
            screen = Screen(server)
            rings, ends = callers(account, arguments.rings, arguments.seconds)
            time.sleep(15)  # for the callers who rang and left last
            screen.stop()
        shown = sorted(screen.first[call] - at for call, at in rings.items() if call in screen.first)
        gone[way] = sorted(screen.last[call] - at for call, at in ends.items() if call in screen.last)
        print(f"| {way} | {row(shown)} |", flush=True)
        if len(shown) < len(rings):
            missed.append(f"{way}: {len(rings) - len(shown)} of {len(rings)} callers were never shown")
        if percentile(shown, 95) > target:
            missed.append(f"{way}: the 95th percentile exceeds {target:g} s")
    print("\n| from the answer until it is gone | calls | average, s | median, s | p95, s | maximum, s |")
    print("| --- | --: | --: | --: | --: | --: |")
    for way, seconds in gone.items():
        print(f"| {way} | {row(seconds)} |")
    for problem in missed:
        print(problem, file=sys.stderr)
    return 1 if missed else 0


@contextmanager
def started(events: bool, configuration: str = "") -> Iterator[tuple[SimulatedAccount, str]]:
    """Run the account, the exporter and Prometheus. Returns the account and Prometheus' URL."""
    account = SimulatedAccount(USERS, CALLS_PER_HOUR, start=time.time())
    delivery = None
    with SimulatedAircall(account, rate_limit=LIMIT) as aircall, TemporaryDirectory() as directory:
        config = Path(directory, "aircall.yml")
        webhook = f"webhook: {{token: {TOKEN}}}\n" if events else ""
        config.write_text("storage: {backfill: 0s}\n" + webhook + configuration)
        flags = (f"--config.file={config}", f"--storage.path={directory}")
        with (
            process(*flags, command=COMMAND, **credential(aircall)) as exporter,
            prometheus(exporter.url) as server,
        ):
            if events:
                aircall.webhooks.add(SimulatedWebhook(exporter.url + PATH, token=TOKEN))
                delivery = DeliveryThread(account, aircall.webhooks, NetworkConditions(), time.time)
                delivery.start()
            wait_for_assignments(exporter.url)
            time.sleep(20)  # until the intervals in force are those of this company
            try:
                yield account, server
            finally:
                if delivery:
                    delivery.stop()


def callers(
    account: SimulatedAccount, rings: int, seconds: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Let callers ring at random times. Returns when each call rang and was answered (UNIX seconds)."""
    random = Random(1)  # noqa: S311 (a simulation)
    numbers = [number.id for number in account.numbers.values() if number.user_ids]
    begun = time.time()
    rung, answered = dict[str, float](), dict[str, float]()
    steps: list[tuple[float, SimulatedCall | None]] = [
        (begun + random.uniform(0, seconds), None) for _ in range(rings)
    ]
    while steps:
        steps.sort(key=lambda step: step[0])
        at, call = steps.pop(0)
        time.sleep(max(0.0, at - time.time()))
        with account.lock:
            now = time.time()
            if call is None:
                call = account.ring_in(random.choice(numbers), caller_number(len(rung)), at=now)
                rung[str(call.id)] = now
                steps.append((now + random.uniform(*WAIT_S), call))
            elif call.status == "answered":
                account.hang_up(call.id, at=now)
            elif free := [user for user in account.users if account.is_available(user)]:
                account.answer(call.id, random.choice(free), at=now)
                answered[str(call.id)] = now
                steps.append((now + random.uniform(5, 20), call))
            else:
                account.miss(call.id, "abandoned_in_classic", at=now)
    return rung, answered


def caller_number(place: int) -> str:
    """Return the external number of the caller who rings at this place, counted from 0."""
    return f"+33 1 00 00 {place // 100:02} {place % 100:02}"


class Screen(threading.Thread):
    """Evaluates the query every `REFRESH_S` seconds, and stores when each call was first and last shown."""

    def __init__(self, server: str) -> None:
        super().__init__(daemon=True)
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        """When an evaluation first lacked each call that had been shown (UNIX seconds)."""
        self._server, self._stopped = server, threading.Event()
        self.start()

    def run(self) -> None:
        """Evaluate the query until stopped."""
        due, before = time.time(), set[str]()
        while not self._stopped.wait(max(0.0, due - time.time())):
            due += REFRESH_S
            answer = requests.get(f"{self._server}/api/v1/query", params={"query": QUERY}, timeout=10)
            calls = {sample["metric"]["call_id"] for sample in answer.json()["data"]["result"]}
            now = time.time()
            for call in calls - self.first.keys():
                self.first[call] = now
            self.last |= dict.fromkeys(before - calls, now)
            before = calls

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._stopped.set()
        self.join()


def percentile(seconds: list[float], percent: int) -> float:
    """Return a percentile of sorted values."""
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)]


def row(seconds: list[float]) -> str:
    """Return the number of values, their average, median, 95th percentile and maximum."""
    mean, median, p95 = sum(seconds) / len(seconds), percentile(seconds, 50), percentile(seconds, 95)
    return f"{len(seconds)} | {mean:.1f} | {median:.1f} | {p95:.1f} | {seconds[-1]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
