"""Scrapes the exporter all the time, and checks what must hold at every moment."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import requests

from bench.chaos.exporter import Exporter
from bench.chaos.faults import ApiFaults
from bench.chaos.plan import OTHERS
from bench.shared import ledger
from bench.shared.ledger import Counts
from bench.shared.scrape import Labels, Scrape

INTERVAL_S = 2.0
"""Seconds between two scrapes."""

IN_FLIGHT_S = 2.0
"""Seconds within which a request may be on its way that was answered before everything failed."""

COUNTERS = ("_total", "_bucket", "_sum", "_count")
"""How the samples of counters, histograms and summaries end."""

KEPT = {name.rpartition("_")[0] for name, _ in ledger.FAMILIES.values()}
"""The families that go on over restarts, without the ends of their samples."""


class Watch:
    """What the scrapes of one exporter showed; `problems` counts what must never be."""

    def __init__(self, exporter: Exporter, faults: ApiFaults, at_most: Callable[[], Counts]) -> None:
        """Compare counters with `at_most`, which returns the most that they may say now."""
        self._exporter, self._faults, self._at_most = exporter, faults, at_most
        self.problems: Counter[str] = Counter()
        self.first_seen: dict[str, float] = {}
        """When (UNIX seconds) there was each problem for the first time."""
        self.scrapes = 0
        self.slowest = 0.0
        """Seconds that the slowest scrape took."""
        self._highest: dict[tuple[str, Labels], float] = {}
        self._epoch = -1

    def run(self, stopped: threading.Event) -> None:
        """Scrape until `stopped` is set."""
        while not stopped.wait(INTERVAL_S):
            self._exporter.check()
            self.look()

    def look(self) -> None:
        """Scrape once, unless the exporter is not there or is being ended."""
        epoch, down_since, begun = self._exporter.epoch, self._faults.down_since, time.time()
        if not self._exporter.serving:
            return
        try:
            scrape = Scrape.at(self._exporter.url)
        except (requests.RequestException, AssertionError, ValueError) as error:
            if epoch == self._exporter.epoch:
                self._problem(f"a scrape failed: {error}")
            return
        self.scrapes += 1
        self.slowest = max(self.slowest, time.time() - begun)
        self._check_falls(scrape, epoch)
        self._check_most(ledger.counted(scrape))
        if down_since is not None and down_since == self._faults.down_since:
            self._check_age(scrape, begun - down_since)

    def _check_falls(self, scrape: Scrape, epoch: int) -> None:
        if epoch != self._epoch:
            self._highest = {key: value for key, value in self._highest.items() if _is_kept(key[0])}
        self._epoch = epoch
        for name, series in scrape.samples.items():
            if not name.endswith(COUNTERS):
                continue
            for labels, value in series.items():
                before = self._highest.get((name, labels), value)
                if value < before:
                    self._problem(f"{name}{dict(sorted(labels))} fell from {before:g} to {value:g}")
                self._highest[name, labels] = value

    def _check_most(self, found: Counts) -> None:
        at_most = self._at_most()
        for family, series in found.items():
            name, names = ledger.FAMILIES[family]
            for values, count in series.items():
                most = at_most[family][values]
                if count > most and OTHERS not in values:
                    labels = dict(zip(names, values, strict=True))
                    self._problem(f"{name}{labels} was {count}, and so far at most {most} happened")

    def _check_age(self, scrape: Scrape, seconds: float) -> None:
        """Check that data is not reported as fresh if it cannot have been read for this many seconds."""
        if seconds <= IN_FLIGHT_S or scrape.value("aircall_up") == 0:
            return
        for dataset in ("calls", "availabilities"):
            age = scrape.value("aircall_dataset_age_seconds", dataset=dataset)
            if age is not None and age < seconds - IN_FLIGHT_S:
                since = f"{seconds:.0f} s after the last proper answer"
                self._problem(f"aircall_up was 1 and {dataset} {age:.0f} s old, {since}")

    def _problem(self, text: str) -> None:
        self.first_seen.setdefault(text, time.time())
        self.problems[text] += 1


def _is_kept(name: str) -> bool:
    return name.rpartition("_")[0] in KEPT
