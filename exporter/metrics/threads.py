"""How the exporter's own threads do."""

from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.worker_thread import WorkerThread


class ThreadMetrics:
    """One that polls, one that saves."""

    def __init__(self, registry: CollectorRegistry, loops: Iterable[WorkerThread]) -> None:
        self.up = Gauge(
            "aircall_exporter_thread_up",
            "1 while the thread works, 0 while it hangs or is gone; thread is poller, archive or events.",
            ["thread"],
            registry=registry,
        )
        self.restarts = Counter(
            "aircall_exporter_thread_restarts",
            "How often the thread died and was started again.",
            ["thread"],
            registry=registry,
        )
        for loop in loops:
            self.up.labels(loop.name).set_function(partial(_works, loop))
            self.restarts.labels(loop.name)


def _works(loop: WorkerThread) -> float:
    return float(loop.problem is None)
