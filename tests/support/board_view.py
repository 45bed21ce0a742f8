"""The values of a dashboard's panels: the queries that Grafana sends, and their combined results."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.dashboards import Panel, shown
from tests.support.prometheus import Prometheus, Sample

SCRAPE_INTERVAL = 10
"""Seconds, as in the data source. `$__rate_interval` is at least four times as long."""

Line = dict[float, float]
Row = dict[str, str | float]
Tile = tuple[str, str | None]
GROUPS = {"team", "number", "display_name"}
"""The labels that the rows of groups and of users have in common."""


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
        """Return the columns of a table by their titles, each with its values by row.

        The first query has the name of each row, in the label `key`, and its id in another label.
        """
        organized = next(t for t in panel.model["transformations"] if t["id"] == "organize")["options"]
        named, *figures = panel.targets
        (id_label,) = {label for sample in self.ask(named) for label in sample["metric"]} - {key}
        names = {sample["metric"][id_label]: sample["metric"][key] for sample in self.ask(named)}
        assert len(set(names.values())) == len(names)
        return {
            organized["renameByName"][f"Value #{target['refId']}"]: {
                names[sample["metric"][id_label]]: float(sample["value"][1])
                for sample in self.ask(target)
                if sample["metric"].get(id_label) in names
            }
            for target in figures
        }

    def rows(self, panel: Panel) -> list[Row]:
        """Return the rows that Grafana merges from a wallboard's queries, with labels and values by field."""
        rows: dict[str, Row] = {}
        for target in panel.targets:
            for sample in self.ask(target):
                labels = dict(sample["metric"])
                row = rows.setdefault(labels.pop("row"), {})
                assert not labels.keys() & row.keys() - GROUPS, (target["refId"], row)
                row |= labels | {f"Value #{target['refId']}": float(sample["value"][1])}
        return [row | _calculated(panel, row) for row in rows.values()]

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

    def tiles(self, panel: Panel) -> dict[str, Tile]:
        """Return the words and the colour of each tile, by title."""
        return {
            _filled_in(target["legendFormat"], sample["metric"] | self.chosen): shown(
                panel.settings("byFrameRefID", target["refId"]), float(sample["value"][1])
            )
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


def _calculated(panel: Panel, row: Row) -> Row:
    """Return the fields that Grafana calculates from others."""
    reducers: dict[str, Callable[[list[str | float]], str | float]] = {
        "sum": lambda values: sum(map(float, values)),
        "max": lambda values: max(map(float, values)),
        "lastNotNull": lambda values: values[-1],
    }
    found: Row = {}
    for each in panel.model["transformations"]:
        options = each["options"]
        if each["id"] == "calculateField" and options["mode"] == "reduceRow":
            values = [row[field] for field in options["reduce"]["include"] if field in row]
            if values:
                found[options["alias"]] = reducers[options["reduce"]["reducer"]](values)
    return found


def _filled_in(legend: str, labels: Mapping[str, str]) -> str:
    """Return a legend with the values of its labels."""
    return re.sub(r"{{(\w+)}}|\$(\w+)", lambda found: labels[found[1] or found[2]], legend)
