"""Build the panel of the queue that Grafana Live streams to the browser, without Prometheus."""

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
)

from exporter.config.settings import GrafanaLive
from exporter.grafana_live.lines import QUEUE, SLOTS
from grafana.boards.palette import BRIGHT_RED, GREEN, PLAIN, YELLOW, StateStyle, value_map
from grafana.boards.panels import Frame, framed
from grafana.boards.queries import JsonQuery

GRAFANA = DataSourceRef(type_val="datasource", uid="grafana")
CHANNEL = f"stream/{GrafanaLive().stream}/{QUEUE}"
MAX_CALLERS = 2
LEVELS = (
    StateStyle("0", GREEN, "\u00a0"),
    StateStyle("1", YELLOW, "!"),
    StateStyle("2", BRIGHT_RED, "‼"),
)


def panel(width: int, height: int) -> stat.Panel:
    """Build a tile for each of the first callers in the last push."""
    frame = Frame(
        title="Callers, live",
        description="The same callers, streamed to the browser by Grafana Live within a second of a change. "
        "Needs `grafana_live` in the exporter's configuration. Without it, or if the stream has stopped, "
        "the other panels of the queue still show the callers.",
        unit="none",
        empty="No caller in the live stream",
        width=width,
        height=height,
        base=PLAIN,
    )
    # A slot without a caller has no wait.
    waiting = {
        "type": "include",
        "match": "all",
        "filters": [
            {"fieldName": "wait", "config": {"id": "isNotNull", "options": {}}},
            {"fieldName": "wait", "config": {"id": "greaterOrEqual", "options": {"value": 0}}},
        ],
    }
    stream = JsonQuery({"queryType": "measurements", "channel": CHANNEL})
    caller = "${__data.fields.wait} s · ${__data.fields.caller} → ${__data.fields.number}"
    return (
        framed(stat.Panel(), frame, [stream], GRAFANA)
        .max_data_points(SLOTS)  # the rows of the last push
        .with_transformation(DataTransformerConfig(id_val="filterByValue", options=waiting))
        .reduce_options(ReduceDataOptions().values(True).fields("/__data/").calcs([]).limit(MAX_CALLERS))
        .override_by_name(
            "level",
            [DynamicConfigValue("displayName", caller), DynamicConfigValue("mappings", [value_map(LEVELS)])],
        )
        # as in the other panels, and not the text of the empty panel
        .override_by_name("number", [DynamicConfigValue("noValue", "no number")])
        .orientation(VizOrientation.HORIZONTAL)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .wide_layout(True)
        .text(VizTextDisplayOptions().title_size(12).value_size(14))
    )
