"""Query Prometheus as Grafana does."""

import time
from typing import Any

import requests

from harness.dashboards import filled_in

Sample = dict[str, Any]


class Prometheus:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expr: str, at: float | None = None, **chosen: str) -> list[Sample]:
        return self._ask("query", query=filled_in(expr, chosen), time=time.time() if at is None else at)

    def query_range(self, expr: str, start: float, end: float, step: float, **chosen: str) -> list[Sample]:
        return self._ask("query_range", query=filled_in(expr, chosen), start=start, end=end, step=step)

    def label_values(self, label: str, match: str, **chosen: str) -> list[str]:
        answer = requests.get(
            f"{self.url}/api/v1/label/{label}/values",
            params={"match[]": filled_in(match, chosen)},
            timeout=10,
        )
        values: list[str] = answer.json()["data"]
        return values

    def _ask(self, endpoint: str, **parameters: object) -> list[Sample]:
        answer = requests.post(f"{self.url}/api/v1/{endpoint}", data=parameters, timeout=30).json()
        assert answer["status"] == "success", f"{answer.get('error')}\n{parameters['query']}"
        found: list[Sample] = answer["data"]["result"]
        return found
