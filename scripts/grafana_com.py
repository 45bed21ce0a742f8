"""Convert dashboards to the import format of grafana.com.

Grafana asks for each of `__inputs` when such a file is imported, and replaces `${NAME}` by the answer. So the person who
imports a dashboard chooses its data sources.
"""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DASHBOARDS = ROOT / "grafana/dashboards"

Dashboard = dict[str, Any]

OLDEST_GRAFANA = version("grafana-foundation-sdk").rpartition("!")[2]
"""The oldest Grafana supported. The dashboards are built for it."""

SOURCES = {"prometheus": "Prometheus", "grafana-postgresql-datasource": "PostgreSQL"}
"""The name of each data source's plugin, by its id."""

PANELS = {
    "barchart": "Bar chart",
    "heatmap": "Heatmap",
    "stat": "Stat",
    "state-timeline": "State timeline",
    "table": "Table",
    "text": "Text",
    "timeseries": "Time series",
}
"""The name of each panel's plugin, by its id. All are part of Grafana."""


def importable(board: Dashboard) -> Dashboard:
    """Return a dashboard in the import format.

    Raises:
        KeyError: The dashboard uses a plugin that is not listed here.
    """
    variables = board["templating"]["list"]
    sources = {each["query"] for each in variables if each["type"] == "datasource"}
    chosen = [_with_input(each) if each["type"] == "datasource" else each for each in variables]
    return {
        "__inputs": [_input(source) for source in sorted(sources)],
        "__elements": {},
        "__requires": [
            _required("datasource", source, SOURCES[source], "1.0.0") for source in sorted(sources)
        ]
        + [_required("grafana", "grafana", "Grafana", OLDEST_GRAFANA)]
        + [_required("panel", kind, PANELS[kind], "") for kind in sorted(set(_kinds(board["panels"])))],
        "id": None,
        **board,
        "templating": {"list": chosen},
    }


def _name(source: str) -> str:
    return f"DS_{SOURCES[source].upper()}"


def _input(source: str) -> dict[str, str]:
    """Return the question for a data source."""
    return {
        "name": _name(source),
        "label": SOURCES[source],
        "description": "",
        "type": "datasource",
        "pluginId": source,
        "pluginName": SOURCES[source],
    }


def _with_input(variable: dict[str, Any]) -> dict[str, Any]:
    """Return a variable whose value is the data source that was chosen."""
    value = f"${{{_name(variable['query'])}}}"
    return variable | {"current": {"selected": True, "text": value, "value": value}}


def _required(kind: str, plugin: str, name: str, oldest: str) -> dict[str, str]:
    return {"type": kind, "id": plugin, "name": name, "version": oldest}


def _kinds(panels: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the plugin of each panel, also within rows."""
    for panel in panels:
        if panel["type"] == "row":
            yield from _kinds(panel["panels"])
        else:
            yield panel["type"]


def write(directory: Path) -> None:
    """Write all dashboards to a directory in the import format."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in sorted(DASHBOARDS.glob("*.json")):
        board = importable(json.loads(file.read_text(encoding="utf-8")))
        text = json.dumps(board, indent=2, ensure_ascii=False)
        (directory / file.name).write_text(text + "\n", encoding="utf-8")
