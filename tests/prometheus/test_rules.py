"""Rules, their unit tests and their runbook: none has an alert that the others do not know."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rules import PROMETHEUS, RECORDED, ROOT, RULES

RUNBOOK = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")

ALERTS = [rule for rule in RULES if "alert" in rule]
UNIT_TESTS: list[dict[str, Any]] = [
    test
    for file in sorted(PROMETHEUS.glob("tests/*.yml"))
    for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
]

each_alert = pytest.mark.parametrize(
    "alert", [pytest.param(alert, id=f"{alert['alert']}-{alert['labels']['severity']}") for alert in ALERTS]
)


def exposed_names() -> frozenset[str]:
    """Give the names of all families, as docs/metrics.md lists them."""
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"`(aircall_\w+)", text))


def names_in(expression: str) -> set[str]:
    """Find the metrics that a PromQL expression asks for, ours and recorded ones, by the family's name."""
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    names = re.findall(r"(?:\w+:)?\baircall_[\w:]+", without_labels)
    return {re.sub(r"(_seconds)_(sum|count|bucket)$", r"\1", name) for name in names}


def runbook_queries() -> list[str]:
    return re.findall(r"```promql\n(.*?)```", RUNBOOK, re.DOTALL)


def expectations(alert: dict[str, Any]) -> Iterator[bool]:
    """For each check of this alert in the unit tests: is it expected to fire?"""
    for test in UNIT_TESTS:
        for check in test.get("alert_rule_test", []):
            if check["alertname"] == alert["alert"]:
                severities = {expected["exp_labels"]["severity"] for expected in check.get("exp_alerts", [])}
                yield alert["labels"]["severity"] in severities


def test_prometheus_accepts_configuration_and_rules(promtool: Callable[..., str]) -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", *sorted(PROMETHEUS.glob("rules/*.yml")))


@pytest.mark.parametrize("file", sorted(PROMETHEUS.glob("tests/*.yml")), ids=lambda file: file.stem)
def test_rules_do_what_their_unit_tests_say(promtool: Callable[..., str], file: Path) -> None:
    promtool("test", "rules", file)


@each_alert
def test_alert_is_tested_firing_and_not_firing(alert: dict[str, Any]) -> None:
    assert set(expectations(alert)) == {True, False}


def test_every_recording_rule_is_tested() -> None:
    asked = {
        name
        for test in UNIT_TESTS
        for check in test.get("promql_expr_test", [])
        for name in names_in(check["expr"])
    }
    assert asked >= RECORDED


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recording_rule_is_there_for_alerts_or_boards(name: str) -> None:
    asking = [rule["expr"] for rule in RULES]
    asking += [file.read_text(encoding="utf-8") for file in (ROOT / "grafana/dashboards").glob("*.json")]
    assert any(re.search(rf"(?<![\w:]){name}(?![\w:])", expression) for expression in asking)


@each_alert
def test_alert_tells_whom_it_concerns_what_happened_and_where_to_look(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["labels"]["area"] in {"calls", "exporter"}
    assert annotations["summary"]
    assert annotations["description"]
    assert annotations["dashboard_url"].startswith("/d/aircall-")
    page, _, anchor = annotations["runbook_url"].partition("#")
    assert page == "https://github.com/aircall-exporter/aircall-exporter/blob/main/docs/alerts.md"
    assert anchor == alert["alert"].lower()


@each_alert
def test_alert_links_to_the_board_that_shows_it(alert: dict[str, Any]) -> None:
    link = alert["annotations"]["dashboard_url"]
    uid = re.match(r"/d/([\w-]+)", link)[1]  # type: ignore[index]
    board = json.loads((ROOT / f"grafana/dashboards/{uid}.json").read_text(encoding="utf-8"))
    chosen = set(re.findall(r"var-(\w+)=", link))
    assert chosen <= {variable["name"] for variable in board["templating"]["list"]}
    assert "instance" in chosen
    if alert["labels"]["area"] == "exporter":
        assert uid == "aircall-exporter"
    else:
        assert (uid, *sorted(chosen - {"instance"})) in {
            ("aircall-numbers", "number"),
            ("aircall-wallboard", "team"),
        }


def test_runbook_has_one_section_per_alert() -> None:
    sections = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)
    assert sorted(sections) == sorted({alert["alert"] for alert in ALERTS})


@each_alert
def test_one_poll_cannot_flap_an_alert_that_reaches_people(alert: dict[str, Any]) -> None:
    assert "for" in alert or alert["labels"]["severity"] == "info"


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in RULES), *runbook_queries()])
def test_rules_and_runbook_ask_for_metrics_that_exist(expression: str) -> None:
    assert names_in(expression) <= exposed_names() | RECORDED


def test_queries_of_the_runbook_are_valid(promtool: Callable[..., str], tmp_path: Path) -> None:
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(runbook_queries())]
    file = tmp_path / "runbook.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", file)
