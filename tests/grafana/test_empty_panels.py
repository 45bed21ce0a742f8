"""What panels show without calls, and while the exporter is not running."""

from math import isnan
from typing import Any

import pytest

from harness.dashboards import Panel, board, panel, panels
from tests.support.board_view import View
from tests.support.companies import whole
from tests.support.past import Past

TEAMS = "aircall-teams"
HEATMAPS = [each for each in panels() if each.model["type"] == "heatmap"]
TABLES = [panel(TEAMS, "Users in this time range"), panel("aircall-queue", "Numbers in this time range")]
DOWN = 1200
"""Seconds for which the exporter has not been running."""


def without_calls(past: Past) -> View:
    """Return a dashboard of a company whose users are signed in and have no calls."""
    return past.view(past.troubled, past.troubled.scrapes[0], past.troubled.scrapes[-1])


def down(past: Past) -> View:
    """Return a dashboard at whose end the exporter is not running."""
    begin, end = whole(past.busy)
    return past.view(past.busy, begin, end + DOWN)


def transformation(of: Panel, name: str) -> dict[str, Any]:
    """Return the options of a panel's only transformation of this name."""
    (options,) = (each["options"] for each in of.model["transformations"] if each["id"] == name)
    return dict(options)


@pytest.mark.parametrize("shown", HEATMAPS, ids=str)
def test_heat_map_has_no_legend(shown: Panel) -> None:
    """Of counts that are all 0, Grafana would show a scale from ∞ to -∞."""
    assert shown.model["options"]["legend"] == {"show": False}


def test_calls_of_each_user_have_no_rows_without_calls(past: Past) -> None:
    view = without_calls(past)
    assert view.parts(panel(TEAMS, "Time in each state"))
    assert view.parts(panel(TEAMS, "Calls of each user")) == {}


def test_ring_attempts_have_no_rows_after_the_last_call(past: Past) -> None:
    end = past.reported.scrapes[-1]
    rings = panel(TEAMS, "Ring attempts")
    assert past.view(past.reported, end - 1500, end).parts(rings)
    assert past.view(past.reported, end - 300, end).parts(rings) == {}


@pytest.mark.parametrize("shown", TABLES, ids=str)
def test_table_without_rows_has_no_columns(past: Past, shown: Panel) -> None:
    """Grafana shows the text of an empty panel only without any column, and groups only by existing ones."""
    fields = transformation(shown, "groupBy")["fields"]
    keys = {name for name, field in fields.items() if field["operation"] == "groupby"}
    begin, end = whole(past.busy)
    named, *figures = shown.targets
    (sample, *_) = past.view(past.busy, begin, end).ask(named)
    assert keys == sample["metric"].keys()
    assert fields.keys() - keys == {f"Value #{target['refId']}" for target in figures}
    assert transformation(shown, "renameByRegex") == {"regex": r"(.*) \(lastNotNull\)", "renamePattern": "$1"}


def test_states_without_data_are_neither_in_the_legend_nor_coloured() -> None:
    states = panel(TEAMS, "States of users")
    (gap,) = (each["options"] for each in states.defaults["mappings"] if each["type"] == "special")
    assert gap["match"] == "null+nan"
    assert gap["result"] | {"index": None} == {"text": "", "color": "transparent", "index": None}
    assert transformation(states, "filterFieldsByName") == {"include": {"pattern": ".*"}}


def test_tiles_of_call_backs_keep_their_places_without_missed_callers(past: Past) -> None:
    call_backs = panel("aircall-call-backs", "Call-backs")
    tiles = without_calls(past).tiles(call_backs)
    assert tiles.keys() == {"To call back", "With a voicemail", "Oldest", "Within an hour", "Anonymous"}
    assert tiles["Oldest"][0] == "–"
    assert isnan(float(tiles["Within an hour"][0]))
    (target,) = (each for each in call_backs.targets if each["legendFormat"] == "Within an hour")
    (dash,) = call_backs.settings("byFrameRefID", target["refId"])["mappings"]
    assert (dash["options"]["match"], dash["options"]["result"]["text"]) == ("null+nan", "–")


def test_tiles_of_call_backs_are_missing_while_the_exporter_is_not_running(past: Past) -> None:
    assert down(past).tiles(panel("aircall-call-backs", "Call-backs")) == {}


def test_table_has_service_levels_while_the_exporter_is_not_running(past: Past) -> None:
    view = down(past)
    (variable,) = (each for each in board("aircall-queue")["templating"]["list"] if each["name"] == "within")
    expression = variable["query"]["query"].removeprefix("query_result(").removesuffix(")")
    (sample,) = view.ask({"expr": expression, "instant": True})
    assert sample["value"][1] == view.chosen["within"]
    assert view.table(panel("aircall-queue", "Numbers in this time range"), "number")["Service level"]
