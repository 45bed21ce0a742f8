"""A metric family's name, kind, help and labels, said once: for the exposition and for docs/metrics.md."""

from dataclasses import dataclass
from typing import Literal

from exporter.account.counter_totals import Histogram, Summary

LabelValues = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Family:
    """One family; there is only one object of each. Counters are named with their `_total`."""

    name: str
    kind: Literal["gauge", "counter", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()


RECENT = "recent"
"""The value of the label `period` for figures of the activity period."""

Sample = tuple[Family, LabelValues, float | Histogram | Summary | None]
"""What a family says under some labels: a number, a histogram's spread, a summary's sum, or nothing."""
