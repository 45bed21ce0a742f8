"""Build the rows of both wallboards: one list of teams or numbers and their users, in two columns.

Each field of a row is a stat panel, whose text size, unlike that of a table, can be chosen. The panels of a
column have the same rows in the same order. The first panel has the queries. The others read its results
through the `-- Dashboard --` data source, so that the number of queries depends neither on the panels nor on
the teams. Grafana merges the queries by the label `row`, and sorts the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import stat, text
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizTextDisplayOptions
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueJustifyMode,
    BigValueTextMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMapping,
)
from grafana_foundation_sdk.models.text import TextMode

from grafana.boards.palette import (
    AWAY,
    BRIGHT_RED,
    GROUP,
    NO_DATA,
    PICK_UP,
    PLAIN,
    SUBSTATUSES,
    WALL_STATES,
    YELLOW,
    StateStyle,
    nothing,
    regex_maps,
    state_codes,
    value_map,
)
from grafana.boards.panels import Frame, framed, now, sorted_by
from grafana.boards.queries import JsonQuery
from grafana.boards.variables import SOURCE

COLUMNS = 2
HEIGHT = 15
MAX_ROWS = 27
"""Maximum number of rows in a column. More would be too small to read."""
TEXT_PX = 16
SOURCE_PANEL = 100
"""The id of the panel that has the queries."""
RESULTS = DataSourceRef(type_val="datasource", uid="-- Dashboard --")

STATE = "state"
"""The field with the reason of a user in do not disturb, or else the code of the user's state.

For a team or number it is `GROUP_CODE`, the value of the query `groups`.
"""
GROUP_CODE = 9
EMPTY = "\u00a0"
ALERT = "alert"
"""The field with the largest of `ALERTS`."""
ALERTS = (
    StateStyle("0", PLAIN, EMPTY),
    StateStyle("1", YELLOW, "!"),
    StateStyle("2", BRIGHT_RED, "‼"),
    StateStyle("3", PICK_UP, "☎"),
)
NAMED = "${__data.fields.display_name}"
SWITCH = {
    "title": "Make available or unavailable",
    "url": "${exporter}/users/${__data.fields.user_id}",
    "targetBlank": True,
}


@dataclass(frozen=True)
class Field:
    """A field of each row: its name, its title, its meaning, and the width in Grafana's grid."""

    name: str
    title: str
    description: str
    width: int = 1
    mappings: Sequence[ValueMapping] = (nothing(EMPTY, PLAIN),)


@dataclass(frozen=True)
class Rows:
    """The rows of a wallboard.

    `queries` are by reference. Each returns the label `row`. The query `users` also returns the label of the
    `group`, and `groups` returns a row for each team or number, which comes before its users.
    """

    title: str
    group: str
    queries: Mapping[str, str]
    fields: Sequence[Field]


def user_field(title: str, description: str, width: int) -> Field:
    """Build the field of names and states. It links to the page that switches the user's availability."""
    mappings: list[ValueMapping] = [
        state_codes(WALL_STATES),
        value_map([StateStyle(str(GROUP_CODE), GROUP, EMPTY)]),
        *regex_maps(SUBSTATUSES, AWAY),
    ]
    return Field(STATE, title, description, width, mappings)


def alert_field(description: str) -> Field:
    """Build the field of warnings, shown as symbols."""
    return Field(ALERT, "‼", description, mappings=[value_map(ALERTS), nothing(EMPTY, PLAIN)])


MINUTES = Field("Value #since", "Min", "the minutes in the present state.")
INBOUND = Field("Value #inbound", "In", "inbound calls answered in the activity period.")
ANSWER = Field("Value #answer", "ASA", "the average time to answer (average speed of answer), in seconds.")


def panels(rows: Rows) -> list[text.Panel | stat.Panel]:
    """Build the headers and, below them, the panels, from left to right."""
    headers = [_header(rows) for _ in range(COLUMNS)]
    return [*headers, *(_panel(rows, column, each) for column in range(COLUMNS) for each in rows.fields)]


def _header(rows: Rows) -> text.Panel:
    """Build the titles of a column's fields, each as wide as the panel below it."""
    width = sum(each.width for each in rows.fields)
    cells = "".join(_header_cell(each, 100 * each.width / width) for each in rows.fields)
    return (
        text.Panel()
        .title("")
        .description(f"{rows.title}: the titles of the columns below.")
        .mode(TextMode.HTML)
        .content(f'<div style="margin:-6px -8px;font-size:13px">{cells}</div>')
        .transparent(True)
        .span(width)
        .height(1)
    )


def _header_cell(shown: Field, percent: float) -> str:
    align, indent = ("left", 8) if shown.width > 1 else ("center", 0)
    style = f"display:inline-block;width:{percent:.2f}%;text-align:{align};text-indent:{indent}px"
    return f'<span style="{style}">{shown.title}</span>'


def _panel(rows: Rows, column: int, shown: Field) -> stat.Panel:
    is_name = shown.name == STATE
    has_queries = is_name and column == 0
    frame = Frame(
        title="",  # a title takes the height of a row, and does not fit a narrow panel
        description=f"{rows.title}, {column + 1} of {COLUMNS}: {shown.description}",
        unit="none",
        empty="No data: is the exporter running, and scraped?" if is_name else EMPTY,
        width=shown.width,
        height=HEIGHT,
        base=NO_DATA if is_name else PLAIN,
    )
    if has_queries:
        panel = framed(stat.Panel(), frame, []).id(SOURCE_PANEL)
        for ref, expr in rows.queries.items():
            panel = panel.with_target(now(expr).ref_id(ref).datasource(SOURCE))
    else:
        panel = framed(stat.Panel(), frame, [_results(transformed=column == 0)], RESULTS)
    if has_queries or column > 0:
        for transformation in _transformations(rows, column):
            panel = panel.with_transformation(transformation)
    if is_name:
        settings = {"links": [SWITCH], "displayName": NAMED}
        panel = panel.override_by_name(STATE, [DynamicConfigValue(*each) for each in settings.items()])
    # Grafana compares the pattern with the display name as it is written.
    fields = "/__data/" if is_name else f"/^{shown.name}$/"
    return (
        panel.mappings(list(shown.mappings))
        .decimals(0)
        .reduce_options(ReduceDataOptions().values(True).fields(fields).calcs([]).limit(MAX_ROWS))
        .orientation(VizOrientation.HORIZONTAL)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .justify_mode(BigValueJustifyMode("auto" if is_name else "center"))
        .text_mode(BigValueTextMode.VALUE_AND_NAME if is_name else BigValueTextMode.VALUE)
        .wide_layout(True)
        .text(VizTextDisplayOptions().title_size(TEXT_PX).value_size(TEXT_PX))
    )


def _results(*, transformed: bool) -> JsonQuery:
    """Build the query for the results of the panel that has the queries.

    If `transformed`, these are the rows that it shows, else those of its queries.
    """
    return JsonQuery({"panelId": SOURCE_PANEL, "withTransforms": transformed})


def _transformations(rows: Rows, column: int) -> list[DataTransformerConfig]:
    """Merge the queries, sort users by name within their group, and keep the column's share of the rows."""
    is_group = _reduced("is_group", "sum", "Value #groups")
    is_group["reduce"]["nullValueMode"] = "null as zero"
    calculated = [
        _reduced(ALERT, "max", "Value #sla", "Value #limits", "Value #pick_up"),
        _reduced(STATE, "lastNotNull", "Value #groups", "Value #state", "substatus"),
        {"mode": "index", "alias": "place", "index": {"asPercentile": True}},
    ]
    share = [
        {"fieldName": "place", "config": {"id": "greaterOrEqual", "options": {"value": column / COLUMNS}}},
        {"fieldName": "place", "config": {"id": "lower", "options": {"value": (column + 1) / COLUMNS}}},
    ]
    return [
        DataTransformerConfig(id_val="merge", options={}),
        DataTransformerConfig(id_val="calculateField", options=is_group),
        sorted_by("display_name"),
        sorted_by("is_group", descending=True),
        sorted_by(rows.group),
        *(DataTransformerConfig(id_val="calculateField", options=each) for each in calculated),
        DataTransformerConfig(
            id_val="filterByValue", options={"type": "include", "match": "all", "filters": share}
        ),
    ]


def _reduced(alias: str, reducer: str, *fields: str) -> dict[str, Any]:
    return {"mode": "reduceRow", "alias": alias, "reduce": {"reducer": reducer, "include": list(fields)}}
