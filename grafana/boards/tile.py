"""Build tiles that show the label `text` of each series on its colour, under the label `caption`."""

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

COMPANY = ""  # no keys: one value for the company


def stacked(
    frame: Frame,
    queries: Sequence[str],
    shown: Sequence[StateStyle],
    *,
    caption_size: int = 20,
    text_size: int = 14,
) -> stat.Panel:
    """Build tiles of the panel's width, one above the other, which stay readable for many users."""
    panel = tiles(frame, queries, shown, caption_size=caption_size, text_size=text_size)
    return panel.orientation(VizOrientation.HORIZONTAL).wide_layout(True)


def tiles(
    frame: Frame, queries: Sequence[str], shown: Sequence[StateStyle], *, caption_size: int, text_size: int
) -> stat.Panel:
    """Build tiles. Text sizes are in pixels: a text of fixed size wraps, otherwise Grafana shrinks it."""
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
    """Link each user's tile to the page that switches their availability, in the query of letter `query`."""
    link = {
        "title": "Make available or unavailable",
        "url": "${exporter}/users/${__data.fields.user_id}",
        "targetBlank": True,
    }
    return panel.override_by_query(query, [DynamicConfigValue(id_val="links", value=[link])])


def switching() -> TextBoxVariable:
    """Build the hidden variable with the exporter's address for these links."""
    return exporter("switch a user. It needs --web.enable-admin-api").hide(VariableHide.HIDE_VARIABLE)


def tile(caption: str, measure: str, everyone: str, said: Text, level: Text) -> str:
    """Return a tile of one series, whose value is the measure. `everyone` has series if there are data."""
    told = described(f"{measure} or on () 0 * {everyone}", everyone, (said, level))
    return constant(sentence(told, "text", level.label, said.label, separator="|"), "caption", caption)


def count(measure: str) -> Text:
    """Return the text of a whole number."""
    return number("said", measure, COMPANY, default="0")


def minutes(measure: str) -> Text:
    """Return the text of a duration, or a dash if there is none."""
    return clock("said", measure, COMPANY, default="–")


def percent(measure: str) -> Text:
    """Return the text of a ratio in whole percents."""
    return number("said", f"round(100 * {measure})", COMPANY, "$1%", default="–")


def level(expr: str) -> Text:
    """Return a level: 0 good, 1 warning, 2 critical, or `calm` if there is no value."""
    return number("level", expr, COMPANY, default="calm")


def state(code: str, measure: str) -> Text:
    """Return the state's colour while any user is in it."""
    return Text("level", constant(f"({measure} > 0) ^ 0", "level", code), COMPANY, default="calm")
