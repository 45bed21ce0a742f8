"""The exposition as prometheus-client makes it: all families and lines again at each scrape."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.account.counter_totals import Histogram, Summary
from exporter.archive.status import ArchiveStatus
from exporter.clock import Clocks, Moment
from exporter.metrics.family import Family, Sample
from exporter.metrics.sections import FAMILIES, SECTIONS, time_dependent_samples
from exporter.polling.status import Snapshot

KINDS = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
    "summary": SummaryMetricFamily,
}


class PlainCollector(Collector):
    """All families of a snapshot."""

    def __init__(
        self, latest: Callable[[], Snapshot], writer: Callable[[], ArchiveStatus], clocks: Clocks
    ) -> None:
        self._latest, self._writer, self._clocks = latest, writer, clocks

    def collect(self) -> Iterator[Metric]:
        """Return all families of the current snapshot."""
        return metrics(self._samples())

    def _samples(self) -> Iterator[Sample]:
        snapshot, now = self._latest(), Moment(self._clocks.steady(), self._clocks.wall_ahead)
        for section in SECTIONS:
            for row in section.rows(snapshot.board):
                yield from section.samples(row, snapshot.board, now)
        for samples in time_dependent_samples(snapshot, self._writer(), now.steady).values():
            yield from samples


def metrics(samples: Iterator[Sample], families: tuple[Family, ...] = FAMILIES) -> Iterator[Metric]:
    """Return the families with these samples."""
    made: dict[Family, Any] = {
        family: KINDS[family.kind](family.name, family.help, labels=family.labels) for family in families
    }
    for family, labels, value in samples:
        match value:
            case None:
                pass
            case Histogram():
                made[family].add_metric(labels, buckets=list(buckets(value)), sum_value=value.sum)
            case Summary():
                made[family].add_metric(labels, count_value=value.count, sum_value=value.seconds)
            case _:
                made[family].add_metric(labels, value)
    return iter(made.values())


def buckets(spread: Histogram) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Yield the cumulative buckets of a histogram, with their exemplars."""
    below = 0
    for bound in sorted(spread.buckets):
        below += spread.buckets[bound]
        upper = "+Inf" if bound == math.inf else repr(bound)
        last = spread.exemplars.get(bound)
        if last is None:
            yield upper, below
        else:
            yield upper, below, Exemplar({"call_id": last.call_id}, last.seconds)


def plain(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Body and content type, by prometheus-client."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
