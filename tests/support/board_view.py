"""The values of a dashboard's panels: the queries that Grafana sends, and their combined results."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.dashboards import Panel
from tests.support.prometheus import Prometheus, Sample

SCRAPE_INTERVAL = 10
"""Seconds, as in the data source. `$__rate_interval` is at least four times as long."""

Line = dict[float, float]


@dataclass(frozen=True)
class View:
    """A time range (UNIX seconds), and the values chosen at the top."""

    prometheus: Prometheus
    begin: float
    end: float
    chosen: Mapping[str, str]

    def ask(self, target: dict[str, Any], step: int = SCRAPE_INTERVAL) -> list[Sample]:
        """Return the result of a panel's query, at the end of the time range or at multiples of `step`."""
        values = self._values(step)
        if target.get("instant"):
            return self.prometheus.query(target["expr"], self.end, **values)
        start, end = (moment // step * step for moment in (self.begin, self.end))
        return self.prometheus.query_range(target["expr"], start, end, step, **values)

    def lines(self, panel: Panel, step: int) -> dict[str, Line]:
        """Return the lines or bars of a panel by their legend, each with its values by time."""
        assert step >= panel.least_step
        lines: dict[str, Line] = {}
        for target in panel.targets:
            for sample in self.ask(target, step):
                labels = sample["metric"] | self.chosen
                legend = _filled_in(target["legendFormat"], labels)
                assert legend not in lines, f"{panel} has {legend} twice"
                lines[legend] = {at: float(value) for at, value in sample["values"]}
        return lines

    def table(self, panel: Panel, key: str) -> dict[str, dict[str, float]]:
        """Return the columns of a table by their titles, each with its values by row."""
        names = next(t for t in panel.model["transformations"] if t["id"] == "organize")["options"][
            "renameByName"
        ]
        return {
            names[f"Value #{target['refId']}"]: {
                sample["metric"][key]: float(sample["value"][1]) for sample in self.ask(target)
            }
            for target in panel.targets
        }

    def parts(self, panel: Panel) -> dict[tuple[str, str], float]:
        """Return the parts of a panel's stacked bars, by row and column."""
        matrix = next(t for t in panel.model["transformations"] if t["id"] == "groupingToMatrix")["options"]
        (target,) = panel.targets
        return {
            (sample["metric"][matrix["rowField"]], sample["metric"][matrix["columnField"]]): float(
                sample["value"][1]
            )
            for sample in self.ask(target)
        }

    def tiles(self, panel: Panel) -> dict[str, tuple[str, str]]:
        """Return the words and the colour of each tile, by caption."""
        return {
            sample["metric"]["caption"]: panel.shown(sample["metric"]["text"])
            for target in panel.targets
            for sample in self.ask(target)
        }

    def _values(self, step: int) -> dict[str, Any]:
        return {
            "__range": f"{round(self.end - self.begin)}s",
            "__interval": f"{step}s",
            "__rate_interval": f"{max(step + SCRAPE_INTERVAL, 4 * SCRAPE_INTERVAL)}s",
            **self.chosen,
        }


def _filled_in(legend: str, labels: Mapping[str, str]) -> str:
    """Return a legend with the values of its labels."""
    return re.sub(r"{{(\w+)}}|\$(\w+)", lambda found: labels[found[1] or found[2]], legend)
