"""Every query of every board, asked of a real Prometheus that watches a busy account."""

import re
from typing import Any

import pytest

from grafana.boards.rare import MAY_BE_EMPTY
from tests.grafana.boards import Panel, boards, panels
from tests.grafana.prometheus import Prometheus

QUERIES = [(panel, target) for panel in panels() for target in panel.targets]
VARIABLES = [
    (board["uid"], variable)
    for board in boards()
    for variable in board["templating"]["list"]
    if variable["type"] == "query"
]


@pytest.mark.parametrize(("panel", "target"), QUERIES, ids=[f"{p}, {t['refId']}" for p, t in QUERIES])
def test_a_query_brings_data(busy: Prometheus, panel: Panel, target: dict[str, Any]) -> None:
    ask = busy.query if target.get("instant") else busy.query_range
    found = ask(target["expr"])
    assert found or (panel.uid, panel.title) in MAY_BE_EMPTY


@pytest.mark.parametrize(("panel", "target"), QUERIES, ids=[f"{p}, {t['refId']}" for p, t in QUERIES])
def test_a_query_runs_for_one_team_and_one_number(
    busy: Prometheus, panel: Panel, target: dict[str, Any]
) -> None:
    busy.query(target["expr"], team="Support", number="French Office")


@pytest.mark.parametrize(("uid", "variable"), VARIABLES, ids=[f"{uid}, {v['name']}" for uid, v in VARIABLES])
def test_a_variable_offers_choices(busy: Prometheus, uid: str, variable: dict[str, Any]) -> None:
    assert offered(busy, variable)


def test_single_users_are_the_last_team(busy: Prometheus) -> None:
    variable = next(variable for _, variable in VARIABLES if variable["name"] == "team")
    teams = [value for _, value in sorted(offered(busy, variable), key=lambda each: each[0].lower())]
    assert teams == ["Billing", "Onboarding", "Sales", "Support", "Single Users"]


def test_the_alerts_drawn_into_a_board_are_a_query(busy: Prometheus) -> None:
    for board in boards():
        for annotation in board["annotations"].get("list", []):
            busy.query_range(annotation["expr"])


def offered(prometheus: Prometheus, variable: dict[str, Any]) -> list[tuple[str, str]]:
    """Text and value of each choice, as Grafana finds them."""
    query = variable["query"]["query"]
    if looked_up := re.fullmatch(r"label_values\((.*), (\w+)\)", query):
        return [(value, value) for value in prometheus.label_values(looked_up[2], looked_up[1])]
    asked = re.fullmatch(r"query_result\((.*)\)", query)
    assert asked
    pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
    found = []
    for sample in prometheus.query(asked[1]):
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample["metric"].items()))
        match = re.search(pattern, f"{{{labels}}} 1 0")
        assert match
        found.append((match["text"], match["value"]))
    return found
