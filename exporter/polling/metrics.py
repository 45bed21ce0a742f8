"""Count polls, throttled requests and unknown fields."""

from prometheus_client import CollectorRegistry, Counter

from exporter.polling.schedule import DATASETS


class PollerMetrics:
    """Metrics that the poller counts by itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.polls = Counter(
            "aircall_polls",
            "Polls of a dataset, by result: success or error.",
            ["dataset", "result"],
            registry=registry,
        )
        for dataset in DATASETS:
            for result in ("success", "error"):
                self.polls.labels(dataset, result)
        self.throttled = Counter(
            "aircall_api_throttled",
            "Requests that Aircall rejected because the company's rate limit was used up (429).",
            registry=registry,
        )
        self.unknown_fields = Counter(
            "aircall_api_unknown_fields",
            "Responses with a field that this version does not know: Aircall's API has changed. One response"
            " of each list is examined per hour. list is users, teams, numbers or calls; field is the name of"
            " the field (the first 50 since the start), or other.",
            ["list", "field"],
            registry=registry,
        )
