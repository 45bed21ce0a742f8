"""Count pushes to Grafana Live."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

Result = Literal["success", "error"]


class LiveMetrics:
    """The pushes. Exposed only if Grafana Live is configured.

    aircall_grafana_live_pushes_total{result="success"} 86400
    aircall_grafana_live_pushes_total{result="error"} 0
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pushes = Counter(
            "aircall_grafana_live_pushes",
            "Pushes of the queue to Grafana Live. result is success or error; an error is also a push that"
            " is not sent because the file with the token cannot be read. Requires grafana_live.",
            ["result"],
            registry=registry,
        )
        for result in get_args(Result):
            self.pushes.labels(result)

    def count(self, result: Result) -> None:
        """Count a push."""
        self.pushes.labels(result).inc()
