"""A metric family's name, kind, help and labels, said once: for the exposition and for docs/metrics.md."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from exporter.account.totals import Spread, Sum

LabelValues = tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """One family. Counters are named with their `_total`."""

    name: str
    kind: Literal["gauge", "counter", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()

    def gauge(self, samples: Iterable[tuple[LabelValues, float]]) -> Metric:
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values, value in samples:
            family.add_metric(values, value)
        return family

    def counter(self, samples: Iterable[tuple[LabelValues, float]]) -> Metric:
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for values, value in samples:
            family.add_metric(values, value)
        return family

    def histogram(self, samples: Iterable[tuple[LabelValues, Spread]]) -> Metric:
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for values, spread in samples:
            family.add_metric(values, buckets=_buckets(spread), sum_value=spread.sum)
        return family

    def summary(self, samples: Iterable[tuple[LabelValues, Sum]]) -> Metric:
        family = SummaryMetricFamily(self.name, self.help, labels=self.labels)
        for values, total in samples:
            family.add_metric(values, count_value=total.count, sum_value=total.seconds)
        return family


def _buckets(spread: Spread) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    below = 0
    for bound in sorted(spread.buckets):
        below += spread.buckets[bound]
        upper = "+Inf" if bound == math.inf else repr(bound)
        last = spread.exemplars.get(bound)
        if last is None:
            buckets.append((upper, below))
        else:
            buckets.append((upper, below, Exemplar({"call_id": last.call_id}, last.seconds, last.at)))
    return buckets
