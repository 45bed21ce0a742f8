"""What every board and panel owes its readers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.boards import BOARDS
from grafana.boards.rendering import render
from harness.dashboards import DASHBOARDS, METRICS, Panel, boards, panels

UIDS = METRICS | {"aircall-calls"}
CORE = {"stat", "timeseries", "table", "state-timeline", "heatmap", "barchart"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ARCHIVE = {"type": "grafana-postgresql-datasource", "uid": "${archive}"}

every_board = pytest.mark.parametrize("board", boards(), ids=lambda board: str(board["uid"]))
every_board_of_metrics = pytest.mark.parametrize(
    "board", [each for each in boards() if each["uid"] in METRICS], ids=lambda board: str(board["uid"])
)
every_panel = pytest.mark.parametrize("panel", list(panels()), ids=str)


def test_the_committed_files_are_those_that_the_code_gives() -> None:
    given = {f"{built.uid}.json": render(built) for built in (build() for build in BOARDS)}
    committed = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*.json")}
    assert committed == given, "run `python -m grafana.boards`"


def test_there_are_six_boards() -> None:
    assert {board["uid"] for board in boards()} == UIDS


@every_board
def test_a_board_can_be_found_and_left_again(board: dict[str, Any]) -> None:
    assert board["tags"] == ["aircall"]
    assert board["title"].startswith("Aircall · ")
    assert board["description"]
    (link,) = board["links"]
    assert (link["type"], link["tags"]) == ("dashboards", ["aircall"])
    assert link["includeVars"]
    assert link["keepTime"]


@every_board_of_metrics
def test_a_board_lets_choose_the_same_things_as_the_others(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    everything = {"job": ".+", "instance": ".+", "team": ".*", "number": ".*"}
    assert [*variables][:5] == ["datasource", *everything]
    for name, all_value in everything.items():
        assert variables[name]["datasource"] == SOURCE
        assert variables[name]["multi"]
        assert variables[name]["includeAll"]
        assert variables[name]["allValue"] == all_value


@every_board_of_metrics
def test_a_live_board_refreshes_itself_and_looks_back_as_far_as_the_period(board: dict[str, Any]) -> None:
    live = board["uid"] in ("aircall-wallboard", "aircall-numbers")
    assert (board["refresh"] == "10s") is live
    if live:
        assert board["time"] == {"from": "now-15m", "to": "now"}
    else:
        assert any("ALERTS" in annotation["expr"] for annotation in board["annotations"]["list"])


@every_board
def test_a_wallboard_fits_a_screen(board: dict[str, Any]) -> None:
    if board["uid"] in ("aircall-wallboard", "aircall-numbers"):
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        assert bottom * 38 <= 1080 - 40  # rows of 30 pixels and 8 between, and the margins of kiosk mode


@every_board
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@every_panel
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    defaults = panel.model["fieldConfig"]["defaults"]
    assert panel.model["type"] in CORE
    assert panel.title
    assert len(panel.model["description"]) > 40
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert defaults["noValue"]


@every_panel
def test_a_panel_asks_the_chosen_data_source(panel: Panel) -> None:
    source = SOURCE if panel.uid in METRICS else ARCHIVE
    assert panel.model["datasource"] == source
    assert panel.targets
    refs = [target["refId"] for target in panel.targets]
    assert len(refs) == len(set(refs))
    for target in panel.targets:
        assert target["datasource"] == source
        for selector in re.findall(r"(?<!\$)\{[^{}]+\}", target.get("expr", "")):
            assert selector.startswith('{job=~"$job", instance=~"$instance"'), selector


@every_panel
def test_no_colour_goes_without_a_word_or_sign(panel: Panel) -> None:
    for mapping in panel.model["fieldConfig"]["defaults"].get("mappings") or []:
        if mapping["type"] == "regex" and "value" not in mapping["options"]["pattern"]:
            assert "$1" in mapping["options"]["result"]["text"]


def test_alerts_lead_to_boards_and_choices_that_exist() -> None:
    rules = (Path(__file__).resolve().parents[2] / "prometheus/rules/alerts.yml").read_text(encoding="utf-8")
    choices = {
        board["uid"]: {f"var-{each['name']}" for each in board["templating"]["list"]} for board in boards()
    }
    for address in re.findall(r"dashboard: (\S+)", rules):
        uid = address.removeprefix("/d/").split("?")[0].split("{")[0]
        assert set(re.findall(r"var-\w+", address)) <= choices[uid]


def test_provisioning_puts_the_boards_into_their_folder() -> None:
    provisioning = DASHBOARDS.parent / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/aircall.yml").read_text())["providers"]
    assert provider["folder"] == "Aircall"
    assert provider["options"]["path"].endswith("/var/lib/grafana/dashboards")
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert (source["uid"], source["type"], source["url"]) == ("prometheus", "prometheus", "${PROMETHEUS_URL}")


@every_board
def test_what_a_table_names_in_a_link_is_text(board: dict[str, Any]) -> None:
    """Grafana puts a field into a link as it shows it: an id that it takes for a number as `2.41 Bil`."""
    for panel in board["panels"]:
        if panel["type"] != "table":
            continue
        settings = {
            (override["matcher"]["options"], each["id"]): each["value"]
            for override in panel["fieldConfig"]["overrides"]
            for each in override["properties"]
        }
        urls = [link["url"] for (_, name), links in settings.items() if name == "links" for link in links]
        for field in re.findall(r"\$\{__data\.fields\.(\w+)\}", " ".join(urls)):
            assert settings[field, "unit"] == "string"
