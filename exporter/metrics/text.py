"""Format families and samples as text.

The lines of a sample are the same in Prometheus' text format and in OpenMetrics, except for exemplars.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from prometheus_client.utils import floatToGoString

from exporter.account.counter_totals import Exemplar, Histogram, Summary
from exporter.metrics.family import Family, LabelValues, Sample


def text_header(family: Family) -> str:
    """Return the lines before a family's samples in Prometheus' text format."""
    help_ = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {help_}\n# TYPE {family.name} {family.kind}\n"


def openmetrics_header(family: Family) -> str:
    """Return the lines before a family's samples in OpenMetrics, without `_total` for counters."""
    name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
    return f"# HELP {name} {_escaped(family.help)}\n# TYPE {name} {family.kind}\n"


def time_dependent_lines(sample: Sample, exemplars: bool) -> str:
    """Return the lines of a sample that is made at each scrape, while its labels change rarely."""
    family, values, value = sample
    if value is None or isinstance(value, Histogram | Summary):
        return sample_lines(sample, exemplars)
    return f"{_series(family, values)} {_go(value)}\n"


def sample_lines(sample: Sample, exemplars: bool) -> str:
    """Return the lines of a sample, or nothing if its value is `None`. Only OpenMetrics has `exemplars`."""
    family, values, value = sample
    if value is None:
        return ""
    if isinstance(value, Histogram):
        return "".join(_histogram_lines(family, values, value, exemplars))
    if isinstance(value, Summary):
        labels = _labels(family.labels, values)
        count, seconds = _go(value.count), _go(value.seconds)
        return f"{family.name}_count{labels} {count}\n{family.name}_sum{labels} {seconds}\n"
    return f"{family.name}{_labels(family.labels, values)} {_go(value)}\n"


@lru_cache(maxsize=4096)
def _series(family: Family, values: LabelValues) -> str:
    return f"{family.name}{_labels(family.labels, values)}"


def _histogram_lines(
    family: Family, values: LabelValues, histogram: Histogram, exemplars: bool
) -> Iterator[str]:
    names, count = (*family.labels, "le"), 0
    for bound in sorted(histogram.buckets):
        count += histogram.buckets[bound]
        upper = "+Inf" if bound == math.inf else repr(bound)
        last = histogram.exemplars.get(bound) if exemplars else None
        yield f"{family.name}_bucket{_labels(names, (*values, upper))} {_go(count)}{_exemplar(last)}\n"
    labels = _labels(family.labels, values)
    yield f"{family.name}_count{labels} {_go(count)}\n{family.name}_sum{labels} {_go(histogram.sum)}\n"


def _exemplar(last: Exemplar | None) -> str:
    return "" if last is None else f' # {{call_id="{last.call_id}"}} {_go(last.seconds)}'


def _labels(names: tuple[str, ...], values: LabelValues) -> str:
    return _template(names)(*map(_escaped, values)) if names else ""


@cache
def _template(names: tuple[str, ...]) -> Callable[..., str]:
    in_order = sorted((name, place) for place, name in enumerate(names))
    return ("{{" + ",".join([f'{name}="{{{place}}}"' for name, place in in_order]) + "}}").format


@lru_cache(maxsize=2048)
def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _go(value: float) -> str:
    if 0 <= value < 1e6:  # Go and Python write these the same way
        return repr(float(value))
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
