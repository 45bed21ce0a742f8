"""The dashboards in the import format of grafana.com."""

import json
import re
from typing import Any

import pytest

from harness.dashboards import board as dashboard
from harness.dashboards import boards
from scripts.grafana_com import OLDEST_GRAFANA, importable

BUILT_IN = {"grafana", "-- Dashboard --"}


def imported(board: dict[str, Any], chosen: dict[str, str]) -> dict[str, Any]:
    """Return the dashboard that Grafana makes of a file, with the data source chosen for each input."""
    content = {name: value for name, value in board.items() if not name.startswith("__")}
    text = re.sub(r"\$\{(DS_\w+)\}", lambda name: chosen[name[1]], json.dumps(content))
    result: dict[str, Any] = json.loads(text)
    return result


@pytest.mark.parametrize("board", boards(), ids=lambda board: str(board["uid"]))
def test_importable_dashboard_asks_for_each_data_source_and_uses_it(board: dict[str, Any]) -> None:
    file = importable(board)
    chosen = {each["name"]: f"uid-of-{each['pluginId']}" for each in file["__inputs"]}
    result = imported(file, chosen)
    values = {
        variable["name"]: variable.pop("current")["value"]
        for variable in result["templating"]["list"]
        if variable["type"] == "datasource"
    }
    assert sorted(values.values()) == sorted(chosen.values())
    assert result == {"id": None, **board}
    uses = re.findall(r'"datasource": \{"type": "([^"]+)", "uid": "([^"]+)"\}', json.dumps(result))
    assert {values[uid[2:-1]] for _, uid in uses if uid not in BUILT_IN} == set(chosen.values())
    assert {uid for _, uid in uses} - BUILT_IN == {f"${{{name}}}" for name in values}


def test_importable_dashboard_requires_its_plugins() -> None:
    required = {
        (each["type"], each["id"]): each["version"]
        for each in importable(dashboard("aircall-queue"))["__requires"]
    }
    panels = {("panel", kind) for kind in ("barchart", "heatmap", "table", "timeseries")}
    sources = {("datasource", "prometheus"), ("datasource", "grafana-postgresql-datasource")}
    assert required.keys() == panels | sources | {("grafana", "grafana")}
    assert required["grafana", "grafana"] == OLDEST_GRAFANA == "11.6.0"
