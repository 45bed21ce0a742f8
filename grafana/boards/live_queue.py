"""Build the panel of the queue that Grafana Live streams to the browser, without Prometheus."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
)

from grafana.boards.palette import BRIGHT_RED, CALM, GREEN, YELLOW, StateStyle, nothing, value_map
from grafana.boards.panels import Frame, framed

GRAFANA = DataSourceRef(type_val="datasource", uid="grafana")
CALLERS, SUMMARY = "callers", "summary"
MAX_CALLERS = 8
LEVELS = (
    StateStyle("0", GREEN, "Waiting"),
    StateStyle("1", YELLOW, "! Long wait"),
    StateStyle("2", BRIGHT_RED, "‼ Too long"),
)


@dataclass
class Stream(variants.Dataquery):
    """A query for a measurement that the exporter pushes to Grafana Live."""

    ref: str
    channel: str

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the query."""
        return {
            "datasource": GRAFANA,
            "refId": self.ref,
            "queryType": "measurements",
            "channel": self.channel,
        }


@dataclass
class StreamQuery(Builder[Stream]):
    """Builds the query for a measurement."""

    ref: str
    measurement: str

    def build(self) -> Stream:
        """Return the query."""
        return Stream(self.ref, f"stream/aircall/{self.measurement}")


def panel(width: int, height: int) -> stat.Panel:
    """Build a tile for each caller in the last push, and one for the queue."""
    frame = Frame(
        title="Callers, live",
        description="The same callers, streamed to the browser by Grafana Live within a second of a change. "
        "Needs `grafana_live` in the exporter's configuration. Without it, or if the stream has stopped, "
        "the other panels of the queue still show the callers.",
        unit="none",
        empty="No live stream",
        width=width,
        height=height,
    )
    waiting = {"type": "include", "match": "all", "filters": [_is_set("wait")]}
    return (
        framed(stat.Panel(), frame, [])
        .datasource(GRAFANA)
        .max_data_points(MAX_CALLERS)
        .with_target(StreamQuery(CALLERS, "queue"))
        .with_target(StreamQuery(SUMMARY, "queue_summary"))
        .with_transformation(
            DataTransformerConfig(
                id_val="filterByValue",
                filter_val=MatcherConfig(id_val="byRefId", options=CALLERS),
                options=waiting,
            )
        )
        .reduce_options(ReduceDataOptions().values(True).fields("/^level$/").calcs([]).limit(MAX_CALLERS))
        .mappings([value_map(LEVELS), nothing("Nobody is waiting", CALM)])
        .override_by_query(CALLERS, _name("${__data.fields.wait} s · ${__data.fields.caller}"))
        .override_by_query(SUMMARY, _name("${__data.fields.waiting} waiting"))
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .text(VizTextDisplayOptions().title_size(12))
    )


def _name(text: str) -> list[DynamicConfigValue]:
    return [DynamicConfigValue("displayName", text)]


def _is_set(name: str) -> dict[str, object]:
    return {"fieldName": name, "config": {"id": "isNotNull", "options": {}}}
