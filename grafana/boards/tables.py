"""Build tables of the history dashboards from several queries."""

from collections.abc import Mapping

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from grafana.boards.charts import CALLS
from grafana.boards.panels import Frame, framed, sorted_by, without_aggregation


def columns(frame: Frame, key: str, of: str, named: Mapping[str, Dataquery]) -> table.Panel:
    """Build a table with a row for each `of`, which is an id, and a column for each query.

    The first query has the names of the rows in the label `key`. A row of which it has no name is left out.
    Without any row there are no columns either: a table with columns does not show the text of an empty one.
    """
    header, *figures = named
    renamed = {f"Value #{ref}": name for ref, name in zip("BCDEFGHIJKLMNOP", figures, strict=False)}
    shown = (key, *renamed)
    without_name = {"fieldName": key, "config": {"id": "isNull", "options": {}}}
    grouped = {name: {"aggregations": [], "operation": "groupby"} for name in (of, key)}
    figure = {"aggregations": ["lastNotNull"], "operation": "aggregate"}
    return (
        framed(table.Panel(), frame, named.values())
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            DataTransformerConfig(
                id_val="filterByValue",
                options={"type": "exclude", "match": "any", "filters": [without_name]},
            )
        )
        .with_transformation(
            DataTransformerConfig(
                id_val="groupBy", options={"fields": grouped | dict.fromkeys(renamed, figure)}
            )
        )
        .with_transformation(without_aggregation("lastNotNull"))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "includeByName": dict.fromkeys(shown, True),
                    "renameByName": {key: header, **renamed},
                    "indexByName": {name: index for index, name in enumerate(shown)},
                },
            )
        )
        .with_transformation(sorted_by(header))
        .decimals(0)
        .override_by_field_type("number", [DynamicConfigValue(id_val="noValue", value="–")])
        .override_by_name(header, [DynamicConfigValue(id_val="links", value=_calls_of(header.lower()))])
    )


def _calls_of(key: str) -> list[dict[str, str]]:
    """Build the link from a row to the calls of its user or number."""
    return [{"title": f"Calls of this {key}", "url": f"{CALLS}&var-{key}=${{__value.raw:percentencode}}"}]


def units(panel: table.Panel, **named: str) -> table.Panel:
    """Set the units of columns that differ from the table's, by name with `_` for blanks."""
    for name, unit in named.items():
        panel = panel.override_by_name(
            name.replace("_", " "), [DynamicConfigValue(id_val="unit", value=unit)]
        )
    return panel
