"""Scrape the exporter regularly, and check the conditions that always hold."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import requests

from harness import expected_counts as ledger
from harness.chaos.exporter import Exporter
from harness.chaos.faults import ApiFaults
from harness.chaos.plan import OTHERS
from harness.expected_counts import Counts
from harness.scrape import Labels, Scrape

INTERVAL_S = 2.0
"""Seconds between two scrapes."""

IN_FLIGHT_S = 2.0
"""Seconds for which a response from before an outage may be on its way."""

COUNTERS = ("_total", "_bucket", "_sum", "_count")
"""Suffixes of the samples of counters, histograms and summaries."""

KEPT = {name.rpartition("_")[0] for name, _ in ledger.FAMILIES.values()}
"""The families that survive restarts, without suffixes."""


class Watch:
    """The results of the scrapes of one exporter. `problems` counts violations."""

    def __init__(self, exporter: Exporter, faults: ApiFaults, at_most: Callable[[], Counts]) -> None:
        """Compare counters with `at_most`, which returns their upper bounds now."""
        self._exporter, self._faults, self._at_most = exporter, faults, at_most
        self.problems: Counter[str] = Counter()
        self.first_seen: dict[str, float] = {}
        """When each problem occurred first (UNIX seconds)."""
        self.scrapes = 0
        self.slowest = 0.0
        """Duration of the slowest scrape in seconds."""
        self._highest: dict[tuple[str, Labels], float] = {}
        self._epoch = -1

    def run(self, stopped: threading.Event) -> None:
        """Scrape until `stopped` is set."""
        while not stopped.wait(INTERVAL_S):
            self._exporter.check()
            self.check()

    def check(self) -> None:
        """Scrape once, unless the exporter is down or is being stopped."""
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
        """Check that the reported age is at least the `seconds` for which no data could be fetched."""
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
