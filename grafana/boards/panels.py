"""Build the parts that all panels have, and their queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.boards.palette import NEUTRAL
from grafana.boards.queries import JsonQuery
from grafana.boards.variables import SOURCE

Step = tuple[float, str]
Query = Dataquery | JsonQuery


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The common properties of a panel. Width and height are in Grafana's grid of 24 columns."""

    title: str
    description: str
    unit: str
    empty: str
    width: int
    height: int
    base: str = NEUTRAL
    steps: tuple[Step, ...] = ()


class _Panel(Protocol):
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def thresholds(self, thresholds: Builder[model.ThresholdsConfig]) -> Self: ...
    def with_target(self, target: Builder[variants.Dataquery]) -> Self: ...


P = TypeVar("P", bound=_Panel)


def framed(panel: P, frame: Frame, queries: Iterable[Query], source: DataSourceRef = SOURCE) -> P:
    """Apply a frame and queries to a panel."""
    panel = (
        panel.title(frame.title)
        .description(frame.description)
        .datasource(source)
        .span(frame.width)
        .height(frame.height)
        .unit(frame.unit)
        .no_value(frame.empty)
        .thresholds(thresholds(frame.base, frame.steps))
    )
    for ref, query in zip("ABCDEFGHIJKLMNOP", queries, strict=False):
        panel = panel.with_target(query.ref_id(ref).datasource(source))
    return panel


def thresholds(base: str, steps: Iterable[Step]) -> ThresholdsConfig:
    """Build thresholds with their colours, lowest first. `base` is the colour below the first."""
    above = [Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=base), *above])


def settings(**settings: object) -> list[DynamicConfigValue]:
    """Build the settings of some columns or series of a panel, by their names in Grafana."""
    return [DynamicConfigValue(id_val=name, value=value) for name, value in settings.items()]


def now(expr: str) -> Dataquery:
    """Build a query for the values at the end of the time range, as a table of labels."""
    return Dataquery().expr(expr).instant().format(PromQueryFormat.TABLE)


def at_the_end(expr: str, legend: str) -> Dataquery:
    """Build a query for the values at the end of the time range, with a legend for each series."""
    return Dataquery().expr(expr).instant().legend_format(legend).format(PromQueryFormat.TIME_SERIES)


def over_time(expr: str, legend: str) -> Dataquery:
    """Build a query for the values over the time range, with a legend for each series."""
    return Dataquery().expr(expr).range().legend_format(legend).format(PromQueryFormat.TIME_SERIES)


def buckets(expr: str) -> Dataquery:
    """Build a query for a histogram's buckets over the time range, with exemplars."""
    query = Dataquery().expr(expr).range().legend_format("{{le}}").format(PromQueryFormat.HEATMAP)
    return query.exemplar(True)


def sorted_by(field: str, *, descending: bool = False) -> DataTransformerConfig:
    """Sort tiles or rows, which otherwise change places: Prometheus defines no order."""
    return DataTransformerConfig(
        id_val="sortBy", options={"fields": {}, "sort": [{"field": field, "desc": descending}]}
    )


def without_aggregation(name: str) -> DataTransformerConfig:
    """Restore the names of fields, to which `groupBy` appends the aggregation."""
    options = {"regex": rf"(.*) \({name}\)", "renamePattern": "$1"}
    return DataTransformerConfig(id_val="renameByRegex", options=options)
