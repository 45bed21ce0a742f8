"""Tiles: the label `text` of each series in large letters on its colour, under the label `caption`."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.builders.dashboard import TextBoxVariable
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, VariableHide

from grafana.boards.palette import StateStyle, value_mappings
from grafana.boards.panels import Frame, framed, now
from grafana.boards.promql import Text, clock, constant, described, number, sentence
from grafana.boards.variables import exporter

COMPANY = ""  # the keys of what is one for all


def stacked(
    frame: Frame,
    queries: Sequence[str],
    shown: Sequence[StateStyle],
    *,
    caption_size: int = 20,
    text_size: int = 14,
) -> stat.Panel:
    """Tiles as wide as the panel, one above the other: as readable for five as for fifteen."""
    panel = tiles(frame, queries, shown, caption_size=caption_size, text_size=text_size)
    return panel.orientation(VizOrientation.HORIZONTAL).wide_layout(True)


def tiles(
    frame: Frame, queries: Sequence[str], shown: Sequence[StateStyle], *, caption_size: int, text_size: int
) -> stat.Panel:
    """Text sizes are in pixels: Grafana would shrink a sentence to one line, a fixed size lets it wrap."""
    return (
        framed(stat.Panel(), frame, map(now, queries))
        .mappings(value_mappings(*shown))
        .override_by_name(
            "text", [DynamicConfigValue(id_val="displayName", value="${__data.fields.caption}")]
        )
        .reduce_options(ReduceDataOptions().values(True).fields("/__data/").calcs([]).limit(200))
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .wide_layout(False)
        .text(VizTextDisplayOptions().title_size(caption_size).value_size(text_size))
    )


def switchable(panel: stat.Panel, query: str) -> stat.Panel:
    """Each user's tile leads to where his status is switched; `query` tells the users."""
    link = {
        "title": "Make available or unavailable",
        "url": "${exporter}/users/${__data.fields.user_id}",
        "targetBlank": True,
    }
    return panel.override_by_query(query, [DynamicConfigValue(id_val="links", value=[link])])


def switching() -> TextBoxVariable:
    """Where those links lead, in the address only."""
    return exporter("switch a user. It needs --web.enable-admin-api").hide(VariableHide.HIDE_VARIABLE)


def tile(caption: str, measure: str, everyone: str, said: Text, level: Text) -> str:
    """One series, its value the measure. `everyone` is there whenever there are data."""
    told = described(f"{measure} or on () 0 * {everyone}", everyone, (said, level))
    return constant(sentence(told, "text", level.label, said.label, separator="|"), "caption", caption)


def count(measure: str) -> Text:
    """A whole number."""
    return number("said", measure, COMPANY, default="0")


def minutes(measure: str) -> Text:
    """A duration that is good news where it is none."""
    return clock("said", measure, COMPANY, default="–")


def percent(measure: str) -> Text:
    """A ratio in whole percents."""
    return number("said", f"round(100 * {measure})", COMPANY, "$1%", default="–")


def level(expr: str) -> Text:
    """0 good, 1 warning, 2 critical; calm where there is nothing to judge."""
    return number("level", expr, COMPANY, default="calm")


def state(code: str, measure: str) -> Text:
    """The state's own colour while anybody is in it."""
    return Text("level", constant(f"({measure} > 0) ^ 0", "level", code), COMPANY, default="calm")
