"""Every query of every dashboard, in a real Prometheus with the history of four companies."""

import re
from typing import Any

import pytest

from grafana.boards.wallboard_rows import COLUMNS, MAX_ROWS
from harness.dashboards import METRICS, Panel, boards, panels
from tests.support.board_view import View
from tests.support.companies import whole
from tests.support.past import Past
from tests.support.prometheus_history import Company

QUERIES = [
    (panel, target)
    for panel in panels()
    if panel.uid in METRICS
    for target in panel.targets
    if "expr" in target
]
VARIABLES = [
    (board["uid"], variable)
    for board in boards()
    for variable in board["templating"]["list"]
    if variable["type"] == "query" and board["uid"] in METRICS
]


def view(past: Past, company: Company, **chosen: str) -> View:
    """Return a dashboard of all data of the company."""
    return past.view(company, company.scrapes[0], company.scrapes[-1], compare="1d", **chosen)


@pytest.mark.parametrize(("panel", "target"), QUERIES, ids=[f"{p}, {t['refId']}" for p, t in QUERIES])
def test_query_returns_data(past: Past, panel: Panel, target: dict[str, Any]) -> None:
    step = max(60, panel.least_step)
    companies = (past.busy, past.days, past.troubled, past.reported)
    if target.get("legendFormat") == "Not shown":
        # No company has that many users.
        target = target | {"expr": target["expr"].replace(f"{COLUMNS * MAX_ROWS} > 0", "1 > 0")}
    if any(view(past, each).ask(target, step) for each in companies):
        return
    # A condition that does not apply at the end, such as a caller who has been waiting for long.
    at_any_time = {"expr": target["expr"]}
    assert any(view(past, each).ask(at_any_time, 10 if each is past.busy else step) for each in companies)


@pytest.mark.parametrize(("panel", "target"), QUERIES, ids=[f"{p}, {t['refId']}" for p, t in QUERIES])
def test_query_for_one_team_and_one_number_is_valid(past: Past, panel: Panel, target: dict[str, Any]) -> None:
    view(past, past.busy, team="Support", number="French Office").ask(target, max(60, panel.least_step))


@pytest.mark.parametrize(("uid", "variable"), VARIABLES, ids=[f"{uid}, {v['name']}" for uid, v in VARIABLES])
def test_variable_offers_choices(past: Past, uid: str, variable: dict[str, Any]) -> None:
    assert offered(view(past, past.busy), variable)


def test_variable_team_lists_groups_among_teams_and_single_users_last(past: Past) -> None:
    variable = next(variable for _, variable in VARIABLES if variable["name"] == "team")
    teams = [
        value
        for _, value in sorted(offered(view(past, past.busy), variable), key=lambda each: each[0].lower())
    ]
    assert teams == ["Billing", "By number", "Desk", "Onboarding", "Sales", "Support", "Single Users"]


def test_variable_calls_uses_recorded_series_if_they_cover_the_time_range(past: Past) -> None:
    variable = next(variable for _, variable in VARIABLES if variable["name"] == "calls")
    raw, recorded = "aircall_calls_total", "number:aircall_calls_total:sum"
    begin, end = whole(past.busy)
    for since, source, name in (
        (begin, raw, raw),
        (begin, recorded, recorded),
        (begin - 7200, recorded, raw),
    ):
        view = past.view(past.busy, since, end, calls=source)
        assert [value for _, value in offered(view, variable)] == [name]
    unknown = View(past.often, 0, 60, {})
    assert [value for _, value in offered(unknown, variable)] == [raw]  # not an empty name
    assert (variable["hide"], variable.get("multi", False)) == (2, False)


def test_variable_within_is_the_limit_of_a_histogram_bucket(past: Past) -> None:
    variable = next(variable for _, variable in VARIABLES if variable["name"] == "within")
    shown = view(past, past.busy)
    assert [value for _, value in offered(shown, variable)] == [shown.chosen["within"]]


def test_annotation_of_alerts_is_a_valid_query(past: Past) -> None:
    annotations = [each for board in boards() for each in board["annotations"].get("list", [])]
    assert annotations
    for annotation in annotations:
        view(past, past.busy).ask(annotation, 60)


def offered(view: View, variable: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the text and the value of each choice, as Grafana finds them."""
    query = variable["query"]["query"]
    if lookup := re.fullmatch(r"label_values\((.*), (\w+)\)", query):
        values = view.prometheus.label_values(lookup[2], lookup[1], **view.chosen)
        return [(value, value) for value in values]
    expression = re.fullmatch(r"query_result\((.*)\)", query)
    assert expression
    pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
    choices = []
    for sample in view.ask({"expr": expression[1], "instant": True}):
        name = sample["metric"].pop("__name__", "")
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample["metric"].items()))
        match = re.search(pattern, f"{name}{{{labels}}} {sample['value'][1]} 0")
        assert match
        choices.append((match["text"], match["value"]) if match.groupdict() else (match[1], match[1]))
    return choices
