"""Build the tables of both wallboards: one list of teams or numbers and their users, in several columns.

The first panel has the queries. The others read its results through the `-- Dashboard --` data source, so
that the number of queries depends neither on the columns nor on the teams. Grafana merges the queries by the
label `row`, sorts the rows, and each panel keeps its share of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMapping,
)

from grafana.boards.palette import (
    AWAY,
    BRIGHT_RED,
    PICK_UP,
    SUBSTATUSES,
    WALL_STATES,
    StateStyle,
    regex_maps,
    state_codes,
    value_map,
)
from grafana.boards.panels import Frame, framed, now, sorted_by

COLUMNS = 3
SOURCE_PANEL = 100
"""The id of the panel that has the queries."""
RESULTS = DataSourceRef(type_val="datasource", uid="-- Dashboard --")

STATE = "state"
"""The field with the reason of a user in do not disturb, or else the code of the user's state."""
ALERT = "alert"
"""The field with the largest of `ALERTS`."""
ALERTS = (
    StateStyle("0", "transparent", "\u00a0"),
    StateStyle("1", BRIGHT_RED, "‼"),
    StateStyle("2", PICK_UP, "☎"),
)


@dataclass(frozen=True)
class Column:
    """A column of the table: its header, width in pixels, and properties of its cells."""

    header: str
    width: int | None
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """The rows of a wallboard.

    `queries` are by reference. Each returns the label `row`. The query `users` also returns the label of the
    group, and `groups` returns a row for each team or number, which comes before its users. `columns` are by
    field.
    """

    title: str
    description: str
    group: str
    queries: Mapping[str, str]
    columns: Mapping[str, Column]
    height: int


def _cell(kind: str, **options: object) -> dict[str, object]:
    return {"custom.cellOptions": {"type": kind, **options}}


def name_column() -> Column:
    """Build the column of names, which link to the page that switches the user's availability."""
    link = {
        "title": "Make available or unavailable",
        "url": "${exporter}/users/${__data.fields.user_id}",
        "targetBlank": True,
    }
    return Column("User", None, {"links": [link], **_cell("auto", wrapText=True)})


def alert_column() -> Column:
    """Build the column of symbols for that which needs attention."""
    return Column("\u00a0", 26, {"mappings": [value_map(ALERTS)], **_cell("color-background")})


def state_column() -> Column:
    """Build the column of states, whose colour applies to the row."""
    mappings: list[ValueMapping] = [state_codes(WALL_STATES), *regex_maps(SUBSTATUSES, AWAY)]
    return Column(
        "State",
        82,
        {
            "mappings": mappings,
            "custom.align": "left",
            **_cell("color-background", mode="basic", applyToRow=True),
        },
    )


def figure_column(header: str, width: int, unit: str = "none") -> Column:
    """Build a column of whole numbers."""
    return Column(header, width, {"unit": unit, "decimals": 0, "custom.align": "right"})


@dataclass
class Results(variants.Dataquery):
    """A query for the results of the panel that has the queries, before its transformations."""

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the query."""
        return {"datasource": RESULTS, "panelId": SOURCE_PANEL, "refId": "A", "withTransforms": False}


@dataclass
class ResultsQuery(Builder[Results]):
    """Builds the query for the results of another panel."""

    def build(self) -> Results:
        """Return the query."""
        return Results()


def panels(rows: Rows) -> list[table.Panel]:
    """Build the panels, from left to right."""
    return [_panel(rows, place) for place in range(COLUMNS)]


def _panel(rows: Rows, place: int) -> table.Panel:
    frame = Frame(
        title=f"{rows.title}, {place + 1} of {COLUMNS}",
        description=rows.description,
        unit="none",
        empty="No data: is the exporter running, and scraped?",
        width=24 // COLUMNS,
        height=rows.height,
    )
    panel = framed(table.Panel(), frame, [])
    if place == 0:
        panel = panel.id(SOURCE_PANEL)
        for ref, expr in rows.queries.items():
            panel = panel.with_target(now(expr).ref_id(ref))
    else:
        panel = panel.datasource(RESULTS).with_target(ResultsQuery())
    for transformation in _transformations(rows, place):
        panel = panel.with_transformation(transformation)
    panel = panel.cell_height(TableCellHeight.AUTO).show_header(True).min_width(24)
    for name, column in rows.columns.items():
        width = {} if column.width is None else {"custom.width": column.width}
        settings = {"displayName": column.header, "noValue": "\u00a0", **width, **column.settings}
        panel = panel.override_by_name(name, [DynamicConfigValue(*each) for each in settings.items()])
    # As text, because a link would contain a number in a format such as 2.41 Bil.
    hidden = {"custom.hidden": True, "unit": "string"}
    return panel.override_by_name("user_id", [DynamicConfigValue(*each) for each in hidden.items()])


def _transformations(rows: Rows, place: int) -> list[DataTransformerConfig]:
    """Merge the queries, sort users by name within their group, and keep the panel's share of the rows."""
    alert = {
        "mode": "reduceRow",
        "alias": ALERT,
        "reduce": {"reducer": "max", "include": [f"Value #{ref}" for ref in ("sla", "limits", "pick_up")]},
    }
    state = {
        "mode": "reduceRow",
        "alias": STATE,
        "reduce": {"reducer": "lastNotNull", "include": ["Value #state", "substatus"]},
    }
    index = {
        "mode": "index",
        "alias": "place",
        "index": {"asPercentile": True},
    }
    share = [
        {"fieldName": "place", "config": {"id": "greaterOrEqual", "options": {"value": place / COLUMNS}}},
        {"fieldName": "place", "config": {"id": "lower", "options": {"value": (place + 1) / COLUMNS}}},
    ]
    shown = [*rows.columns, "user_id"]
    return [
        DataTransformerConfig(id_val="merge", options={}),
        sorted_by("display_name"),
        sorted_by("Value #groups", descending=True),
        sorted_by(rows.group),
        DataTransformerConfig(id_val="calculateField", options=alert),
        DataTransformerConfig(id_val="calculateField", options=state),
        DataTransformerConfig(id_val="calculateField", options=index),
        DataTransformerConfig(
            id_val="filterByValue", options={"type": "include", "match": "all", "filters": share}
        ),
        DataTransformerConfig(
            id_val="organize",
            options={
                "includeByName": dict.fromkeys(shown, True),
                "indexByName": {name: place for place, name in enumerate(shown)},
            },
        ),
    ]
