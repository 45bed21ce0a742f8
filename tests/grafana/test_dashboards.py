"""The properties that all dashboards and panels have."""

import re
from typing import Any

import pytest
import yaml

from grafana.boards import BOARDS
from grafana.boards.rendering import render
from harness.dashboards import DASHBOARDS, METRICS, Panel, boards, panels
from harness.dashboards import board as dashboard

UIDS = METRICS | {"aircall-calls", "aircall-call-backs"}
CORE = {"text", "stat", "timeseries", "table", "state-timeline", "heatmap", "barchart"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
RESULTS = {"type": "datasource", "uid": "-- Dashboard --"}
STREAM = {"type": "datasource", "uid": "grafana"}
ARCHIVE = {"type": "grafana-postgresql-datasource", "uid": "${archive}"}

every_dashboard = pytest.mark.parametrize("board", boards(), ids=lambda board: str(board["uid"]))
every_dashboard_of_metrics = pytest.mark.parametrize(
    "board", [each for each in boards() if each["uid"] in METRICS], ids=lambda board: str(board["uid"])
)
every_panel = pytest.mark.parametrize("panel", list(panels()), ids=str)
LIVE = ("aircall-wallboard", "aircall-numbers")


def test_committed_dashboards_equal_the_generated_ones() -> None:
    generated = {f"{built.uid}.json": render(built) for built in (build() for build in BOARDS)}
    committed = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*.json")}
    assert committed == generated, "run `python -m grafana.boards`"


def test_dashboards_have_the_expected_uids() -> None:
    assert {board["uid"] for board in boards()} == UIDS


@every_dashboard
def test_dashboard_has_a_tag_and_links_to_the_others(board: dict[str, Any]) -> None:
    assert board["tags"] == ["aircall"]
    assert board["title"].startswith("Aircall · ")
    assert board["description"]
    (link,) = board["links"]
    assert (link["type"], link["tags"]) == ("dashboards", ["aircall"])
    assert link["includeVars"]
    assert link["keepTime"]


@every_dashboard_of_metrics
def test_dashboard_of_metrics_has_the_common_variables(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    everything = {"job": ".+", "instance": ".+", "team": ".*", "number": ".*"}
    assert [*variables][:5] == ["datasource", *everything]
    for name, all_value in everything.items():
        assert variables[name]["datasource"] == SOURCE
        assert variables[name]["multi"]
        assert variables[name]["includeAll"]
        assert variables[name]["allValue"] == all_value


@every_dashboard_of_metrics
def test_dashboard_that_is_live_refreshes_and_covers_the_period(board: dict[str, Any]) -> None:
    live = board["uid"] in LIVE
    assert (board["refresh"] == "2s") is live
    if live:
        assert board["refresh"] in board["timepicker"]["refresh_intervals"]
        assert board["time"] == {"from": "now-5m", "to": "now"}
    else:
        assert any("ALERTS" in annotation["expr"] for annotation in board["annotations"]["list"])


@pytest.mark.parametrize("uid", LIVE)
def test_wallboard_fits_a_screen(uid: str) -> None:
    bottom = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in dashboard(uid)["panels"])
    # Rows of 30 pixels with 8 between, and the margins of kiosk mode, at a zoom of 125 %.
    assert bottom * 38 + 16 <= 1080 / 1.25


@every_dashboard
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@every_panel
def test_panel_has_title_description_unit_and_thresholds(panel: Panel) -> None:
    assert panel.model["type"] in CORE
    assert len(panel.model["description"]) > 40
    if panel.model["type"] == "text":
        return
    assert panel.title or panel.uid in LIVE  # a title takes the height of a row of a wallboard
    defaults = panel.defaults
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert defaults["noValue"]


@every_panel
def test_panel_queries_the_chosen_data_source(panel: Panel) -> None:
    source = ARCHIVE if any("rawSql" in target for target in panel.targets) else SOURCE
    if panel.model["type"] == "text":
        return
    assert panel.targets
    if panel.model["datasource"] == STREAM:
        assert [target["channel"] for target in panel.targets] == ["stream/aircall/queue"]
        return
    if panel.model["datasource"] == RESULTS:
        (target,) = panel.targets
        sources = [each for each in dashboard(panel.uid)["panels"] if each.get("id") == target["panelId"]]
        assert [each["datasource"] for each in sources] == [SOURCE]
        return
    assert panel.model["datasource"] == source
    refs = [target["refId"] for target in panel.targets]
    assert len(refs) == len(set(refs))
    for target in panel.targets:
        assert target["datasource"] == source
        for selector in re.findall(r"(?<!\$)\{[^{}]+\}", target.get("expr", "")):
            assert selector.startswith('{job=~"$job", instance=~"$instance"'), selector


@every_panel
def test_panel_queries_are_short(panel: Panel) -> None:
    assert not [target for target in panel.targets if len(target.get("expr", "")) > 400]


@pytest.mark.parametrize("uid", LIVE)
def test_wallboard_queries_do_not_depend_on_the_number_of_teams(uid: str) -> None:
    assert not any("repeat" in panel.model for panel in panels(uid))


def test_provisioning_puts_the_dashboards_into_their_folder() -> None:
    provisioning = DASHBOARDS.parent / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/aircall.yml").read_text())["providers"]
    assert provider["folder"] == "Aircall"
    assert provider["options"]["path"].endswith("/var/lib/grafana/dashboards")
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert (source["uid"], source["type"], source["url"]) == ("prometheus", "prometheus", "${PROMETHEUS_URL}")


def test_table_field_in_a_link_is_shown_as_text() -> None:
    """Grafana puts a field into a link as it shows it, and shows an id without a unit as `2.41 Bil`."""
    linked = 0
    for panel in (panel.model for panel in panels() if panel.model["type"] == "table"):
        settings = {
            (override["matcher"]["options"], each["id"]): each["value"]
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
        }
        urls = [link["url"] for (_, name), links in settings.items() if name == "links" for link in links]
        for field in re.findall(r"\$\{__data\.fields\.(\w+)\}", " ".join(urls)):
            assert settings[field, "unit"] == "string"
            linked += 1
    assert linked
