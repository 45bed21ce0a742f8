"""Rules, their unit tests and their runbook: all have the same alerts."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.repository import repository_url
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
    """Return the names of all families, as docs/metrics.md lists them."""
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"`(aircall_\w+)", text))


def names_in(expression: str) -> set[str]:
    """Return the families and recorded series that a PromQL expression uses."""
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    names = re.findall(r"(?:\w+:)?\baircall_[\w:]+", without_labels)
    return {re.sub(r"(_seconds)_(sum|count|bucket)$", r"\1", name) for name in names}


def runbook_queries() -> list[str]:
    return re.findall(r"```promql\n(.*?)```", RUNBOOK, re.DOTALL)


def expectations(alert: dict[str, Any]) -> Iterator[bool]:
    """Yield for each check of this alert in the unit tests whether it is expected to fire."""
    for test in UNIT_TESTS:
        for check in test.get("alert_rule_test", []):
            if check["alertname"] == alert["alert"]:
                severities = {expected["exp_labels"]["severity"] for expected in check.get("exp_alerts", [])}
                yield alert["labels"]["severity"] in severities


def test_prometheus_accepts_configuration_and_rules(promtool: Callable[..., str]) -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", *sorted(PROMETHEUS.glob("rules/*.yml")))


@pytest.mark.parametrize("file", sorted(PROMETHEUS.glob("tests/*.yml")), ids=lambda file: file.stem)
def test_rules_pass_their_unit_tests(promtool: Callable[..., str], file: Path) -> None:
    promtool("test", "rules", file)


@each_alert
def test_alert_is_tested_firing_and_not_firing(alert: dict[str, Any]) -> None:
    assert set(expectations(alert)) == {True, False}


def test_recording_rules_are_all_tested() -> None:
    tested = {
        name
        for test in UNIT_TESTS
        for check in test.get("promql_expr_test", [])
        for name in names_in(check["expr"])
    }
    assert tested >= RECORDED


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recording_rule_is_used_by_a_rule_or_dashboard(name: str) -> None:
    expressions = [rule["expr"] for rule in RULES]
    expressions += [file.read_text(encoding="utf-8") for file in (ROOT / "grafana/dashboards").glob("*.json")]
    assert any(re.search(rf"(?<![\w:]){name}(?![\w:])", expression) for expression in expressions)


@each_alert
def test_alert_has_labels_texts_and_links(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["labels"]["area"] in {"calls", "exporter"}
    assert annotations["summary"]
    assert annotations["description"]
    assert annotations["dashboard_url"].startswith("/d/aircall-")
    page, _, anchor = annotations["runbook_url"].partition("#")
    assert page == f"{repository_url()}/blob/main/docs/alerts.md"
    assert anchor == alert["alert"].lower()


@each_alert
def test_alert_links_to_the_dashboard_that_shows_it(alert: dict[str, Any]) -> None:
    link = alert["annotations"]["dashboard_url"]
    (uid,) = re.findall(r"^/d/([\w-]+)", link)
    dashboard = json.loads((ROOT / f"grafana/dashboards/{uid}.json").read_text(encoding="utf-8"))
    chosen = set(re.findall(r"var-(\w+)=", link))
    assert chosen <= {variable["name"] for variable in dashboard["templating"]["list"]}
    assert "instance" in chosen
    if alert["labels"]["area"] == "exporter":
        assert uid == "aircall-exporter"
    else:
        assert (uid, *sorted(chosen - {"instance"})) in {
            ("aircall-numbers", "number"),
            ("aircall-call-backs", "number"),
            ("aircall-wallboard", "team"),
        }


@pytest.mark.parametrize(
    "name", sorted({alert["alert"] for alert in ALERTS if "| query" in alert["annotations"]["description"]})
)
def test_text_with_a_threshold_is_tested_with_its_value(name: str) -> None:
    texts = [
        expected["exp_annotations"]["description"]
        for test in UNIT_TESTS
        for check in test.get("alert_rule_test", [])
        if check["alertname"] == name
        for expected in check.get("exp_alerts", [])
    ]
    assert any(re.search(r"The (?:.+ )?(?:threshold|SLA|target)\b.* is \d", text) for text in texts)


def test_each_threshold_that_the_exporter_exposes_is_in_a_text() -> None:
    thresholds = {
        name
        for name in exposed_names()
        if re.search(r"_threshold_(seconds|ratio)|_sla_seconds|_target_ratio", name)
    }
    texts = " ".join(alert["annotations"]["description"] for alert in ALERTS)
    general = {"aircall_sla_seconds", "aircall_threshold_ratio"}  # the alerts use those of a number or team
    assert {name for name in thresholds if not re.search(rf"\b{name}\b", texts)} == general


def test_runbook_has_one_section_per_alert() -> None:
    sections = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)
    assert sorted(sections) == sorted({alert["alert"] for alert in ALERTS})


@each_alert
def test_alert_that_notifies_people_has_a_for_clause(alert: dict[str, Any]) -> None:
    assert "for" in alert or alert["labels"]["severity"] == "info"


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in RULES), *runbook_queries()])
def test_expression_of_rules_and_runbook_uses_metrics_that_exist(expression: str) -> None:
    assert names_in(expression) <= exposed_names() | RECORDED


def test_runbook_queries_are_valid(promtool: Callable[..., str], tmp_path: Path) -> None:
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(runbook_queries())]
    file = tmp_path / "runbook.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", file)
