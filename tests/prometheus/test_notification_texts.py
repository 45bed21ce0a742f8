"""Titles and texts of notifications, as Alertmanager renders the templates."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rules import PROMETHEUS

CONFIG = (PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")


def texts(value: Any) -> Iterator[str]:
    """Yield the templates in a part of the configuration."""
    if isinstance(value, str) and "{{" in value:
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def receivers() -> list[dict[str, Any]]:
    """Return the receivers of alertmanager.yml, with those that are comments."""
    text = re.sub(r"^( *)#( *(?:- )?\w+:.*)$", r"\1\2", CONFIG, flags=re.MULTILINE)
    found: list[dict[str, Any]] = yaml.safe_load(text)["receivers"]
    return found


Render = Callable[[str, str], str]


@pytest.fixture
def render(amtool: Callable[..., str], tmp_path: Path) -> Render:
    """Return a function that renders a text about an alert with this status."""

    def rendered(text: str, status: str) -> str:
        labels = {"alertname": "AircallCallerWaitingTooLong", "severity": "critical", "number": "Sales"}
        annotations = {
            "summary": "A caller has been waiting on Sales for 35s",
            "description": "The threshold is 20s.",
            "dashboard_url": "/d/aircall-numbers?var-number=Sales",
            "runbook_url": "https://example.com/alerts.md",
        }
        data = {
            "status": status,
            "alerts": [{"status": status, "labels": labels, "annotations": annotations}],
            "groupLabels": {"alertname": labels["alertname"]},
            "commonLabels": labels,
            "commonAnnotations": annotations,
        }
        file = tmp_path / "data.json"
        file.write_text(json.dumps(data), encoding="utf-8")
        files = f"--template.glob={PROMETHEUS}/templates/*.tmpl"
        return amtool("template", "render", files, f"--template.text={text}", f"--template.data={file}")

    return rendered


def test_title_and_text_of_an_alert_that_fires(render: Render) -> None:
    assert (
        render('{{ template "aircall.title" . }}', "firing")
        == "critical: A caller has been waiting on Sales for 35s"
    )
    assert render('{{ template "aircall.text" . }}', "firing") == (
        "A caller has been waiting on Sales for 35s\nThe threshold is 20s.\n"
        "http://localhost:3000/d/aircall-numbers?var-number=Sales\n\n"
    )


def test_title_and_text_of_an_alert_that_is_resolved(render: Render) -> None:
    assert (
        render('{{ template "aircall.title" . }}', "resolved")
        == "Resolved: A caller has been waiting on Sales for 35s"
    )
    text = render('{{ template "aircall.text" . }}', "resolved")
    assert text.startswith("Resolved: A caller has been waiting on Sales for 35s\n")


def test_each_receiver_with_texts_marks_resolved_notifications(render: Render) -> None:
    marked = {
        receiver["name"]: any(render(text, "resolved").startswith("Resolved: ") for text in texts(receiver))
        for receiver in receivers()
        if list(texts(receiver))
    }
    assert marked == dict.fromkeys(("supervisors", "on-call", "digest", "sales-lead"), True)
