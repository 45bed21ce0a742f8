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
    def targets(self) -> list[dict[str, Any]]:
        """Return the queries of the panel."""
        return list(self.model["targets"])

    @property
    def least_step(self) -> int:
        """Seconds between two points, at the least."""
        interval = self.model.get("interval") or "0s"
        return int(interval[:-1]) * {"s": 1, "m": 60, "h": 3600}[interval[-1]]

    def shown(self, text: str) -> tuple[str, str]:
        """Return the words and the colour to which the panel maps a text."""
        for mapping in self.model["fieldConfig"]["defaults"]["mappings"]:
            pattern, result = mapping["options"]["pattern"], mapping["options"]["result"]
            if re.match(pattern, text):
                words = re.sub(pattern, result["text"].replace("$1", r"\1"), text)
                return re.sub(r"[ \u00a0]+", " ", words).strip(), result["color"]
        raise AssertionError(f"{self.title} has no mapping for {text!r}")

    def __str__(self) -> str:
        return f"{self.uid}: {self.title}"


def board(uid: str) -> dict[str, Any]:
    """Return the model of a dashboard."""
    model: dict[str, Any] = json.loads((DASHBOARDS / f"{uid}.json").read_text(encoding="utf-8"))
    return model


def boards() -> list[dict[str, Any]]:
    """Return the models of all dashboards."""
    return [board(path.stem) for path in sorted(DASHBOARDS.glob("*.json"))]


def panels(uid: str | None = None) -> Iterator[Panel]:
    """Yield the panels of a dashboard, or of all dashboards."""
    for model in [board(uid)] if uid else boards():
        for panel in model["panels"]:
            yield Panel(model["uid"], panel)


def panel(uid: str, title: str) -> Panel:
    """Return the panel with this title."""
    return next(each for each in panels(uid) if each.title == title)
