"""Define metric families once, for the exposition and for docs/metrics.md."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

from exporter.account.counter_totals import Histogram, Summary
from exporter.metrics.groups import MetricGroup

LabelValues = tuple[str, ...]
Kind = Literal["gauge", "counter", "histogram", "summary"]


@dataclass(frozen=True, eq=False)
class Family:
    """A metric family. There is one object per family. Names of counters include `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    _: KW_ONLY
    group: MetricGroup


Sample = tuple[Family, LabelValues, float | Histogram | Summary | None]
"""A family, label values and the value. A sample whose value is `None` is not exposed."""
