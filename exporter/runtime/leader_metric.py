"""Report whether this exporter is the leader."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class LeaderMetric:
    """A gauge that calls `is_leader` at each scrape."""

    def __init__(self, registry: CollectorRegistry, is_leader: Callable[[], bool]) -> None:
        self.leader = Gauge(
            "aircall_exporter_leader",
            "1 if this exporter is active, 0 if it is on standby and exposes no account metrics.",
            registry=registry,
        )
        self.leader.set_function(lambda: float(is_leader()))
