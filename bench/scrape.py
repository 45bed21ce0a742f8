"""Measure scrapes. `python -m bench.scrape` prints two tables for docs/performance.md.

The same snapshot of a company is scraped from prometheus-client, which builds all families and lines again,
and from the exporter. Both are scraped over HTTP from their own servers, and inside the process. They take
turns, so that other load on the machine affects both. The second table compares the processor time of scrapes
of all metrics with that of the groups that prometheus.yml scrapes more often, also in turns.
"""

import argparse
import gzip
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest, start_wsgi_server
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter.app import create_app
from exporter.archive.store import Archive
from exporter.clock import Clocks
from exporter.config.settings import Settings
from exporter.metrics.groups import ALL_GROUPS, PARAMETER, MetricGroup
from exporter.polling.status import Snapshot
from exporter.runtime.service import Service
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from harness.reference_exposition import PlainCollector, plain
from harness.scrape import Labels, Scrape
from harness.simulated_time import NOON, polled

USERS = 720
"""Users of the company, which has about 32,000 series."""

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
MIN_SPEEDUP = 30
"""Minimum ratio of prometheus-client's time to the exporter's."""

LIVE: frozenset[MetricGroup] = frozenset({"queue", "presence"})
MAX_LIVE_SHARE = 0.75
"""Maximum ratio of the processor time of a scrape of `LIVE` to that of all metrics."""
SMALL = 24
"""Users of a small company, whose scrapes of `LIVE` are compared too."""

Answer = Callable[[], bytes]


def main() -> int:
    """Compare scrapes with prometheus-client, and print a table. Returns 1 if the speed-up is too small."""
    parser = argparse.ArgumentParser(prog="python -m bench.scrape", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=25, help="default: %(default)s")
    arguments = parser.parse_args()
    with served(snapshot(USERS)) as (service, theirs, port, their_port):
        series = compared(service, theirs)
        made = FixedMetrics(theirs)
        ways: dict[str, tuple[Answer, Answer]] = {
            "over HTTP, text": (over_http(their_port, "identity"), over_http(port, "identity")),
            "over HTTP, gzip": (over_http(their_port, "gzip"), over_http(port, "gzip")),
            "in the process, text": (
                lambda: plain(theirs, "")[0],
                lambda: service.exposition.expose("", zipped=False)[0],
            ),
            "in the process, gzip": (
                lambda: gzip.compress(plain(theirs, "")[0]),
                lambda: service.exposition.expose("", zipped=True)[0],
            ),
            "in the process, text, its families made beforehand": (
                lambda: generate_latest(made),
                lambda: service.exposition.expose("", zipped=False)[0],
            ),
            "in the process, OpenMetrics": (
                lambda: plain(theirs, OPENMETRICS)[0],
                lambda: service.exposition.expose(OPENMETRICS, zipped=False)[0],
            ),
        }
        print(f"{series:,} series:\n")
        print("| scrape | prometheus-client, ms | exporter, ms | speed-up | kB |")
        print("| --- | --: | --: | --: | --: |")
        slow = [name for name, pair in ways.items() if row(name, *pair, arguments.scrapes) < MIN_SPEEDUP]
        print("\n| users | scrape, gzip | all, CPU ms | live groups, CPU ms | ratio | kB of all | kB |")
        print("| --: | --- | --: | --: | --: | --: | --: |")
        expensive = groups_rows(USERS, service, port, arguments.scrapes)
    with served(snapshot(SMALL)) as (service, _, port, _):
        expensive += groups_rows(SMALL, service, port, arguments.scrapes)
    for name in slow:
        print(f"{name}: not {MIN_SPEEDUP} times as fast", file=sys.stderr)
    for name in expensive:
        print(f"{name}: more than {MAX_LIVE_SHARE:.0%} of a scrape of all metrics", file=sys.stderr)
    return 1 if slow or expensive else 0


def groups_rows(users: int, service: Service, port: int, times: int) -> list[str]:
    """Print the processor time of scrapes of all metrics and of `LIVE`. Returns which cost too much."""
    query = "?" + "&".join(f"{PARAMETER}={group}" for group in sorted(LIVE))
    ways: dict[str, tuple[Answer, Answer]] = {
        "over HTTP": (over_http(port, "gzip"), over_http(port, "gzip", query)),
        "in the process": (
            lambda: service.exposition.expose("", True, ALL_GROUPS)[0],
            lambda: service.exposition.expose("", True, LIVE)[0],
        ),
        "the first after a poll": (
            lambda: first_after_poll(service, ALL_GROUPS),
            lambda: first_after_poll(service, LIVE),
        ),
    }
    expensive = []
    for name, (everything, live) in ways.items():
        sizes = len(everything()) / 1000, len(live()) / 1000
        taken = [(timed(everything, time.process_time), timed(live, time.process_time)) for _ in range(times)]
        (all_, all_spread), (some, some_spread) = (spread(each) for each in zip(*taken, strict=True))
        figures = f"{all_:.2f} ({all_spread}) | {some:.2f} ({some_spread}) | {some / all_:.2f}"
        print(f"| {users} | {name} | {figures} | {sizes[0]:,.0f} | {sizes[1]:,.0f} |", flush=True)
        if some > MAX_LIVE_SHARE * all_:
            expensive.append(f"{users} users, {name}")
    return expensive


def first_after_poll(service: Service, groups: frozenset[MetricGroup]) -> bytes:
    """Scrape groups that no earlier scrape of this snapshot has prepared."""
    page = service.exposition._page
    page._plain.clear()
    page._compressed.clear()
    return service.exposition.expose("", True, groups)[0]


class FixedMetrics(Collector):
    """Families that were built before, so that only their lines are measured."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = list(registry.collect())

    def collect(self) -> list[Metric]:
        """Return the families."""
        return self._families


def row(name: str, theirs: Answer, ours: Answer, times: int) -> float:
    """Print a row of the table. Returns the ratio of prometheus-client's time to the exporter's."""
    ours()  # as each scrape except the first
    taken = [(timed(theirs), timed(ours)) for _ in range(times)]
    (them, their_spread), (us, our_spread) = (spread(each) for each in zip(*taken, strict=True))
    size = len(ours()) / 1000
    figures = f"{them:.0f} ({their_spread}) | {us:.1f} ({our_spread}) | {them / us:.0f} | {size:,.0f}"
    print(f"| {name} | {figures} |", flush=True)
    return them / us


def timed(answer: Answer, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the duration of a response in milliseconds, on a clock of real or of processor time."""
    begun = clock()
    answer()
    return (clock() - begun) * 1000


def spread(taken: tuple[float, ...]) -> tuple[float, str]:
    """Return the median, and a text with the median and the quartiles."""
    low, median, high = statistics.quantiles(taken)
    return median, f"{low:.1f} to {high:.1f}"


def snapshot(users: int) -> Snapshot:
    """Return the snapshot of a company on a busy morning."""
    account = SimulatedAccount(users=users, calls_per_hour=6 * users, history=3600)
    with polled(account, served={"rate_limit": 6000}, sla=8) as world:
        world.live_until_complete()
        world.live(60)
        return world.poller.snapshot()


@contextmanager
def served(snapshot: Snapshot) -> Iterator[tuple[Service, CollectorRegistry, int, int]]:
    """Serve this snapshot from the exporter and from prometheus-client, on two ports."""
    clocks = Clocks(lambda: NOON + 3600, lambda: NOON + 3600)
    service = Service(Settings(), Archive("sqlite://"), clocks)
    service._publisher.latest = snapshot
    service.exposition.update(snapshot)
    theirs = CollectorRegistry()
    theirs.register(PlainCollector(lambda: snapshot, service.exposition.writer, clocks))
    for registry in service.exposition.registries.values():
        theirs.register(registry)
    server = WebServer(create_app(service, None), [bind("127.0.0.1:0")])
    server.start()
    their_server, _ = start_wsgi_server(0, "127.0.0.1", theirs)
    try:
        yield service, theirs, server.port, their_server.server_port
    finally:
        their_server.shutdown()
        server.stop()


def over_http(port: int, coding: str, query: str = "") -> Answer:
    """Return a function that scrapes `port` with a content coding."""

    def answer() -> bytes:
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"/metrics{query}", headers={"Accept-Encoding": coding})
        body = connection.getresponse().read()
        connection.close()
        return body

    return answer


def compared(service: Service, theirs: CollectorRegistry) -> int:
    """Check that both expose the same in both formats. Returns the number of series."""
    for accept, parse in (("", parse_text), (OPENMETRICS, parse_openmetrics)):
        body, _ = service.exposition.expose(accept, zipped=False)
        ours = steady(Scrape(parse(body.decode())))
        assert ours == steady(Scrape(parse(plain(theirs, accept)[0].decode())))  # noqa: S101 (a check)
    return sum(len(series) for series in ours.values())


def steady(scrape: Scrape) -> dict[str, dict[Labels, float]]:
    """Return the samples without those of the process itself."""
    return {name: of for name, of in scrape.samples.items() if not re.match("process_|python_", name)}


if __name__ == "__main__":
    sys.exit(main())
