"""What the poller counts of its own work."""

from prometheus_client import CollectorRegistry, Counter

from exporter.polling.schedule import DATASETS


class PollerMetrics:
    """Readings of datasets, and refusals."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.polls = Counter(
            "aircall_polls",
            "Readings of a dataset, by whether they worked.",
            ["dataset", "result"],
            registry=registry,
        )
        for dataset in DATASETS:
            for result in ("success", "error"):
                self.polls.labels(dataset, result)
        self.throttled = Counter(
            "aircall_api_throttled",
            "Requests that Aircall refused because the company's rate limit was used up (429).",
            registry=registry,
        )
