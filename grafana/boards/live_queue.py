"""Build the panel of the queue that Grafana Live streams to the browser, without Prometheus."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
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

from grafana.boards.palette import BRIGHT_RED, GREEN, YELLOW, StateStyle, value_map
from grafana.boards.panels import Frame, framed

GRAFANA = DataSourceRef(type_val="datasource", uid="grafana")
SLOTS = 8
"""The rows of each push."""
MAX_CALLERS = 2
LEVELS = (
    StateStyle("0", GREEN, "Waiting"),
    StateStyle("1", YELLOW, "! Long wait"),
    StateStyle("2", BRIGHT_RED, "‼ Too long"),
)


@dataclass
class Stream(variants.Dataquery):
    """A query for a measurement that the exporter pushes to Grafana Live."""

    channel: str

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the query."""
        return {"datasource": GRAFANA, "refId": "A", "queryType": "measurements", "channel": self.channel}


@dataclass
class StreamQuery(Builder[Stream]):
    """Builds the query for a measurement."""

    measurement: str

    def build(self) -> Stream:
        """Return the query."""
        return Stream(f"stream/aircall/{self.measurement}")


def panel(width: int, height: int) -> stat.Panel:
    """Build a tile for each caller in the last push, and one for the queue."""
    frame = Frame(
        title="Callers, live",
        description="The same callers, streamed to the browser by Grafana Live within a second of a change. "
        "Needs `grafana_live` in the exporter's configuration. Without it, or if the stream has stopped, "
        "the other panels of the queue still show the callers.",
        unit="none",
        empty="Nobody is waiting",
        width=width,
        height=height,
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
    caller = "${__data.fields.wait} s · ${__data.fields.caller} → ${__data.fields.number}"
    return (
        framed(stat.Panel(), frame, [])
        .datasource(GRAFANA)
        .max_data_points(SLOTS)
        .with_target(StreamQuery("queue"))
        .with_transformation(DataTransformerConfig(id_val="filterByValue", options=waiting))
        .reduce_options(ReduceDataOptions().values(True).fields("/__data/").calcs([]).limit(MAX_CALLERS))
        .override_by_name(
            "level",
            [DynamicConfigValue("displayName", caller), DynamicConfigValue("mappings", [value_map(LEVELS)])],
        )
        .orientation(VizOrientation.HORIZONTAL)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.NAME)
        .text(VizTextDisplayOptions().value_size(12))
    )
