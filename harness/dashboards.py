"""The committed dashboards, as Grafana reads them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METRICS = {"aircall-wallboard", "aircall-numbers", "aircall-teams", "aircall-queue", "aircall-exporter"}
"""The boards that ask Prometheus; the call history asks the archive."""

DASHBOARDS = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"


@dataclass(frozen=True)
class Panel:
    """One panel of one board."""

    uid: str
    model: dict[str, Any]

    @property
    def title(self) -> str:
        """Return the title of the panel."""
        return str(self.model["title"])

    @property
    def defaults(self) -> dict[str, Any]:
        """Return the properties of all fields."""
        return dict(self.model["fieldConfig"]["defaults"])

    @property
    def targets(self) -> list[dict[str, Any]]:
        """Return the queries of the panel."""
        return list(self.model.get("targets", []))

    @property
    def least_step(self) -> int:
        """Seconds between two points, at the least."""
        interval = self.model.get("interval") or "0s"
        return int(interval[:-1]) * {"s": 1, "m": 60, "h": 3600}[interval[-1]]

    def settings(self, matcher: str, name: str) -> dict[str, Any]:
        """Return the properties of the overrides for a field (`byName`) or a query (`byFrameRefID`)."""
        return {
            each["id"]: each["value"]
            for override in self.model["fieldConfig"]["overrides"]
            if override["matcher"] == {"id": matcher, "options": name}
            for each in override["properties"]
        }

    def __str__(self) -> str:
        return f"{self.uid}: {self.title}"


def shown(settings: dict[str, Any], value: float | str) -> tuple[str, str | None]:
    """Return the words and the colour of a value according to a field's mappings and thresholds."""
    text = value if isinstance(value, str) else f"{value:.15g}" if value.is_integer() else f"{value:g}"
    for mapping in settings.get("mappings", []):
        if mapping["type"] == "value" and text in mapping["options"]:
            return mapping["options"][text]["text"], mapping["options"][text]["color"]
        if mapping["type"] == "regex" and matches(mapping["options"]["pattern"], text):
            result = mapping["options"]["result"]
            return result["text"].replace("$1", text), result["color"]
    steps = settings.get("thresholds", {}).get("steps", [])
    reached = [step["color"] for step in steps if step["value"] is None or float(value) >= step["value"]]
    return text, reached[-1] if reached else None


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern in Grafana's notation, such as `/^yes$/i`."""
    if slashed := re.fullmatch(r"/(.*)/(i?)", pattern):
        return bool(re.search(slashed[1], text, re.IGNORECASE if slashed[2] else 0))
    return bool(re.search(pattern, text))


def board(uid: str) -> dict[str, Any]:
    """Return the model of a dashboard."""
    model: dict[str, Any] = json.loads((DASHBOARDS / f"{uid}.json").read_text(encoding="utf-8"))
    return model


def boards() -> list[dict[str, Any]]:
    """Return the models of all dashboards."""
    return [board(path.stem) for path in sorted(DASHBOARDS.glob("*.json"))]


def panels(uid: str | None = None) -> Iterator[Panel]:
    """Yield the panels of a dashboard, or of all dashboards, including those in collapsed rows."""
    for model in [board(uid)] if uid else boards():
        for panel in model["panels"]:
            for each in panel["panels"] if panel["type"] == "row" else [panel]:
                yield Panel(model["uid"], each)


def rows_panel(uid: str, field: str = "state") -> Panel:
    """Return the first panel of a wallboard's rows that shows a field. That of `state` has the queries."""
    shown = "/__data/" if field == "state" else f"/^{field}$/"
    return next(
        each
        for each in panels(uid)
        if not each.title and each.model.get("options", {}).get("reduceOptions", {}).get("fields") == shown
    )


def panel(uid: str, title: str) -> Panel:
    """Return the panel with this title."""
    return next(each for each in panels(uid) if each.title == title)


BUILT_IN = {"__range": "1m", "__interval": "30s", "__rate_interval": "30s", "calls": "aircall_calls_total"}
"""The values of Grafana's own variables without a time range, and of hidden variables."""
ALL = {"job": ".+", "instance": ".+", "team": ".*", "number": ".*"}


def filled_in(expr: str, chosen: dict[str, str]) -> str:
    """Return the expression with the variables' values, by default All."""
    values = ALL | BUILT_IN | chosen
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda found: values.get(found[1] or found[2], found[0]), expr)
