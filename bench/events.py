"""Measure webhooks. `python -m bench.events` prints tables for docs/performance.md.

The exporter is a separate process, and events arrive over real HTTP in real time. The first part measures the
delay from an event to `/metrics`, while a tenth of all events is lost, a tenth is sent twice and a fifth
arrives late. The second part is a flood of events while the exporter is scraped.
"""

import argparse
import gzip
import queue
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from exporter.polling.schedule import DATASETS
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryThread, NetworkConditions
from exporter.simulator.webhooks import Post, SimulatedWebhook
from exporter.webhooks.receiver import PATH
from harness.process import COMMAND, Process, credential, process
from harness.scrape import Scrape

TOKEN = "token-of-the-bench"  # noqa: S105
SIZES = (24, 500)
"""Users of the companies in the first table."""

LIMIT = 1200
"""Requests per minute, so that all data is fetched soon."""

SENDERS = 4
"""Connections of the flood."""

CALLS = 20
"""Calls of the flood that begin and end together."""

EVENTS_OF_A_CALL = 5
"""Without `call.ended`, which is sent half a minute after the end."""

TICKS = 10
"""Steps of the flood per second."""

BUSY = 503


def main() -> int:
    """Measure the delay of events in companies of several sizes and in a flood, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="of each size (default: %(default)s)")
    parser.add_argument("--per-second", type=int, default=1000, help="the flood (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="the flood (default: %(default)s)")
    arguments = parser.parse_args()
    print("| users | calls an hour | from event to /metrics, median, ms | p95, ms | at most, ms |")
    print("| --: | --: | --: | --: | --: |")
    for users in SIZES:
        print(freshness(users, arguments.events), flush=True)
    print("\n| flood | |\n| --- | --: |")
    return flood(arguments.per_second, arguments.seconds)


class RecordedConditions(NetworkConditions):
    """Remembers the delays of the last event."""

    def delays(self) -> list[float]:
        """Return the delays, and keep them in `last`."""
        self.last = super().delays()
        return self.last


@contextmanager
def exporter(aircall: SimulatedAircall) -> Iterator[Process]:
    """Return a ready exporter that receives this account's events."""
    with TemporaryDirectory() as directory:
        config = Path(directory, "aircall.yml")
        config.write_text(f"webhook: {{token: {TOKEN}}}\nstorage: {{backfill: 0s}}\n")
        flags = (f"--config.file={config}", f"--storage.path={directory}", "--log.level=info")
        with process(*flags, command=COMMAND, **credential(aircall)) as running:
            while not settled(Scrape.at(running.url)):
                time.sleep(0.5)
            aircall.webhooks.add(SimulatedWebhook(running.url + PATH, token=TOKEN))
            yield running


def settled(scrape: Scrape) -> bool:
    """Return whether all data has been fetched once, with the backfill."""
    ages = scrape.labels("aircall_dataset_age_seconds", "dataset")
    return ages >= set(DATASETS) and scrape.value("aircall_archive_backfill_remaining_seconds") == 0


def freshness(users: int, events: int) -> str:
    """Return a table row with the delay until a caller is in the queue on `/metrics`."""
    calls_per_hour = 7.5 * users
    account = SimulatedAccount(users, calls_per_hour, start=time.time())
    way = RecordedConditions(lost=0.1, doubled=0.1, late=0.2)
    taken: list[float] = []
    with SimulatedAircall(account, rate_limit=LIMIT) as aircall, exporter(aircall) as running:
        office = DeliveryThread(account, aircall.webhooks, way, time.time)
        office.start()
        scraper = Scraper(running.url)
        numbers, random = list(account.numbers), Random(1)  # noqa: S311
        while len(taken) < events:
            time.sleep(random.uniform(0.05, 0.15))
            with account.lock:
                call = account.ring_in(random.choice(numbers), "+33 1 11 11 11 11")
                begun = time.perf_counter()
                at_once = 0.0 in way.last
            if at_once:
                while f'call_id="{call.id}"' not in scraper.scrape():
                    time.sleep(0.005)
                taken.append((time.perf_counter() - begun) * 1000)
            with account.lock:
                if call.status == "initial":
                    account.miss(call.id, "abandoned_in_classic")
        office.stop()
    taken.sort()
    median, p95 = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
    return f"| {users} | {calls_per_hour:.0f} | {median:.0f} | {p95:.0f} | {taken[-1]:.0f} |"


def flood(per_second: int, seconds: int) -> int:
    """Simulate more calls than any company has. Returns 1 if they are not all counted."""
    account = SimulatedAccount(CALLS * 2, 0, start=time.time())
    for user in account.users.values():
        user.wrap_up_time = 0
    with SimulatedAircall(account, rate_limit=LIMIT) as aircall, exporter(aircall) as running:
        line: queue.SimpleQueue[Post | None] = queue.SimpleQueue()
        aircall.webhooks.carriers.append(line.put)
        senders = [EventSender(running.url, line) for _ in range(SENDERS)]
        scrapes = Scrapes(running.url)
        before = Scrape.at(running.url).sum("aircall_calls_total")
        begun, calls = time.monotonic(), 0
        for tick in range(seconds * TICKS):
            begin_and_end(account, per_second // EVENTS_OF_A_CALL // TICKS)
            calls += per_second // EVENTS_OF_A_CALL // TICKS
            time.sleep(max(0.0, begun + (tick + 1) / TICKS - time.monotonic()))
        sent_for = time.monotonic() - begun
        backlog = line.qsize()
        for _ in senders:
            line.put(None)
        for sender in senders:
            sender.join()
        answered_for = time.monotonic() - begun
        scrapes.stop()
        scrape = Scrape.at(running.url)
        counted = until_counted(running.url, before + calls) - before
        answers = sum((sender.answers for sender in senders), Counter[int]())
    times = sorted(scrapes.seconds)
    results = Counter[str]()
    for labels, count in scrape.all("aircall_webhook_events_total").items():
        results[dict(labels)["result"]] += int(count)
    for name, figure in {
        "events sent": f"{answers.total():,} in {sent_for:.0f} s, {backlog:,} waiting to be sent at the end",
        "answers": ", ".join(f"{status}: {count:,}" for status, count in sorted(answers.items())),
        "answered after": f"{answered_for:.1f} s",
        "time to answer, median, p95, most": percentiles([ms for c in senders for ms in c.milliseconds]),
        "results": ", ".join(f"{name}: {count:,}" for name, count in results.items() if count),
        "calls, and counted of them": f"{calls:,}, {counted:,.0f}",
        "scrapes, and failed ones": f"{len(times) + scrapes.failed}, {scrapes.failed}",
        "time of a scrape, median, p95, most": percentiles([1000 * each for each in times]),
    }.items():
        print(f"| {name} | {figure} |", flush=True)
    return 0 if counted == calls and not scrapes.failed else 1


def begin_and_end(account: SimulatedAccount, calls: int) -> None:
    """Simulate whole calls, with `EVENTS_OF_A_CALL` events for each."""
    numbers, users = list(account.numbers), list(account.users)
    account.advance(time.time())
    for place in range(calls):
        number, user = numbers[place % len(numbers)], users[place % len(users)]
        call = account.ring_in(number, "+33 1 11 11 11 11")
        account.ring_on(call.id, user)
        account.answer(call.id, user)
        account.hang_up(call.id)
        account.tag(call.id, "flood")


def until_counted(url: str, calls: float) -> float:
    """Return the number of counted calls after all are counted, or after a minute."""
    deadline = time.monotonic() + 60
    while (counted := Scrape.at(url).sum("aircall_calls_total")) < calls and time.monotonic() < deadline:
        time.sleep(0.5)
    return counted


def percentiles(milliseconds: list[float]) -> str:
    """Return the median, the 95th percentile and the maximum."""
    found = sorted(milliseconds)
    return f"{found[len(found) // 2]:.1f} ms, {found[len(found) * 95 // 100]:.1f} ms, {found[-1]:.1f} ms"


class EventSender(threading.Thread):
    """Sends events over its own connection, with as little load on this machine as possible."""

    def __init__(self, url: str, line: "queue.SimpleQueue[Post | None]") -> None:
        super().__init__(daemon=True)
        self.answers: Counter[int] = Counter()
        self.milliseconds: list[float] = []
        host, _, port = url.removeprefix("http://").partition(":")
        self._head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: ".encode()
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line = line
        self.start()

    def run(self) -> None:
        """Send events until the queue ends. An event is sent again while the receiver is busy."""
        while post := self._line.get():
            while self._sent(post.body) == BUSY:
                time.sleep(0.1)  # Aircall waits longer

    def _sent(self, body: bytes) -> int:
        begun = time.perf_counter()
        self._socket.sendall(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(4096)
        self.milliseconds.append((time.perf_counter() - begun) * 1000)
        status = int(answer[9:12])
        self.answers[status] += 1
        return status


class Scrapes(threading.Thread):
    """Scrapes every second."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.failed = 0
        self._url, self._stopped = url, threading.Event()
        self.start()

    def run(self) -> None:
        """Scrape every second until stopped."""
        scraper = Scraper(self._url)
        while not self._stopped.wait(1):
            begun = time.perf_counter()
            try:
                scraper.scrape()
            except OSError:
                self.failed += 1
            else:
                self.seconds.append(time.perf_counter() - begun)

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._stopped.set()
        self.join()


class Scraper:
    """Scrapes over one connection."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._connection = HTTPConnection(host, int(port), timeout=10)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def scrape(self) -> str:
        """Return the text of `/metrics`. Raises OSError if a scrape fails."""
        self._connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"answered {answer.status}")
        return gzip.decompress(body).decode()


if __name__ == "__main__":
    sys.exit(main())
