"""Build charts of the history dashboards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import barchart, heatmap, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)

from grafana.boards.palette import StateStyle
from grafana.boards.panels import Frame, framed, sorted_by, without_aggregation

C = TypeVar("C", timeseries.Panel, barchart.Panel)

CALLS = "/d/aircall-calls?${__url_time_range}"
CHOSEN = f"{CALLS}&${{team:queryparam}}&${{number:queryparam}}"

# A series with such a legend is a limit or another period, drawn as a dashed line.
DASHED = "/limit|threshold|earlier|budget|asked for/"


SUM = "sum"
MAX_NAMES = 30
"""Maximum number of names in a chart. More do not fit."""


@dataclass(frozen=True)
class Foremost:
    """The largest number of names in a chart, and the columns by whose sum they are chosen."""

    names: int
    columns: tuple[str, ...]


def lines(frame: Frame, *queries: Dataquery, shown: Sequence[StateStyle] = ()) -> timeseries.Panel:
    """Build lines over time, with the frame's thresholds."""
    panel = _coloured(
        framed(timeseries.Panel(), frame, queries)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .axis_soft_min(0)
        .legend(_legend())
        .tooltip(_tooltip())
        .override_by_regexp(
            DASHED,
            [DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 8]})],
        ),
        shown,
    )
    if frame.steps:
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    return panel.max(1) if frame.unit == "percentunit" else panel


def bars(frame: Frame, shown: Sequence[StateStyle], *queries: Dataquery) -> timeseries.Panel:
    """Build stacked bars over time. Each bar counts its own interval."""
    return _coloured(
        framed(timeseries.Panel(), frame, queries)
        .decimals(0)
        .interval("5m")
        .draw_style(common.GraphDrawStyle.BARS)
        .stacking(StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        .fill_opacity(80)
        .line_width(0)
        .axis_soft_min(0)
        .legend(_legend())
        .tooltip(_tooltip()),
        shown,
    )


def by_name(  # noqa: PLR0913, PLR0917
    frame: Frame,
    shown: Sequence[StateStyle],
    query: Dataquery,
    name: str,
    column: str,
    foremost: Foremost,
) -> barchart.Panel:
    """Build a stacked bar for each of the foremost names, with a part for each column."""
    panel = framed(barchart.Panel(), frame, [query]).links([calls_behind()])
    for id_val, options in (
        (
            "groupingToMatrix",
            {"columnField": column, "rowField": name, "valueField": "Value", "emptyValue": "zero"},
        ),
        (
            "calculateField",
            {
                "mode": "reduceRow",
                "alias": SUM,
                "reduce": {"reducer": "sum", "include": list(foremost.columns)},
            },
        ),
        ("sortBy", {"fields": {}, "sort": [{"field": SUM, "desc": True}]}),
        ("limit", {"limitField": foremost.names}),
        ("sortBy", {"fields": {}, "sort": [{"field": rf"{name}\{column}"}]}),
        ("organize", {"excludeByName": {SUM: True}}),
    ):
        panel = panel.with_transformation(DataTransformerConfig(id_val=id_val, options=options))
    panel = (
        panel.orientation(common.VizOrientation.HORIZONTAL)
        .stacking(common.StackingMode.NORMAL)
        .show_value(common.VisibilityMode.NEVER)
        .x_tick_label_max_length(24)
        .legend(_legend())
        .tooltip(_tooltip())
    )
    if frame.unit == "short":
        panel = panel.decimals(0)
    return _coloured(panel, shown)


def by_clock(
    frame: Frame, shown: Sequence[StateStyle], queries: Iterable[Dataquery], time_format: str
) -> barchart.Panel:
    """Build bars by time of day or by day, in `time_format`."""
    return _coloured(
        framed(barchart.Panel(), frame, queries)
        .interval("1h")
        .max_data_points(10_000)  # otherwise Grafana uses steps of several hours on long time ranges
        .with_transformation(DataTransformerConfig(id_val="joinByField", options={"byField": "Time"}))
        .with_transformation(
            DataTransformerConfig(
                id_val="formatTime",
                options={"timeField": "Time", "outputFormat": time_format, "useTimezone": True},
            )
        )
        .with_transformation(
            DataTransformerConfig(
                id_val="groupBy",
                options={
                    "fields": {
                        "Time": {"aggregations": [], "operation": "groupby"},
                        **{
                            name: {"aggregations": ["sum"], "operation": "aggregate"}
                            for name in (style.code for style in shown)
                        },
                    }
                },
            )
        )
        .with_transformation(without_aggregation("sum"))
        .with_transformation(sorted_by("Time"))
        .x_field("Time")
        .x_tick_label_max_length(10)
        .stacking(common.StackingMode.NORMAL)
        .show_value(common.VisibilityMode.NEVER)  # figures of low bars cover each other
        .legend(_legend())
        .tooltip(_tooltip()),
        shown,
    )


def spread(frame: Frame, query: Dataquery) -> heatmap.Panel:
    """Build a heat map: counts by bucket over time.

    It has no legend, because Grafana shows a scale from ∞ to -∞ if all counts are 0.
    """
    return (
        framed(heatmap.Panel(), frame, [query])
        .links([calls_behind()])
        .interval("5m")
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .color(heatmap.HeatmapColorOptions().scheme("Blues").steps(32))
        .cell_gap(1)
        .hide_legend()
    )


def timeline(frame: Frame, *queries: Dataquery) -> statetimeline.Panel:
    """Build one band for each series, coloured by state."""
    # With Grafana's default, a scale of colours, the panel has no legend.
    of_states = FieldColor().mode(FieldColorModeId.FIXED)
    return (
        framed(statetimeline.Panel(), frame, queries)
        .with_transformation(_without_empty_results())
        .color_scheme(of_states)
        .per_page(MAX_NAMES)
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.9)
        .line_width(0)
        .fill_opacity(90)
        .legend(_legend())
        .tooltip(_tooltip())
    )


def _without_empty_results() -> DataTransformerConfig:
    """Leave out results without fields. A state timeline says of them that they have no time."""
    return DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"pattern": ".*"}})


def calls_behind() -> DashboardLink:
    """Build the link from a panel to the calls that it counts."""
    return DashboardLink("The calls behind it").type(DashboardLinkType.LINK).url(CHOSEN)


def _coloured(panel: C, shown: Sequence[StateStyle]) -> C:
    for style in shown:
        colour = FieldColor().mode(FieldColorModeId.FIXED).fixed_color(style.colour).build()
        panel = panel.override_by_name(
            style.code,
            [
                DynamicConfigValue(id_val="color", value=colour),
                DynamicConfigValue(id_val="displayName", value=style.text),
            ],
        )
    return panel


def _legend() -> VizLegendOptions:
    return (
        VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
    )


def _tooltip() -> VizTooltipOptions:
    return VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
