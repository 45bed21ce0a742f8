"""Which of several exporters for one account polls it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class LeaderMetric:
    """Whether this one does."""

    def __init__(self, registry: CollectorRegistry, polls: Callable[[], bool]) -> None:
        self.leader = Gauge(
            "aircall_exporter_leader",
            "1 where this exporter polls its account, 0 while it stands by and tells nothing of the account.",
            registry=registry,
        )
        self.leader.set_function(lambda: float(polls()))
