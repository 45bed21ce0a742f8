"""Report the health of the exporter's worker threads."""

from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.worker_thread import WorkerThread


class ThreadMetrics:
    """Whether each thread works, and how often it was restarted."""

    def __init__(self, registry: CollectorRegistry, threads: Iterable[WorkerThread]) -> None:
        self.up = Gauge(
            "aircall_exporter_thread_up",
            "1 if the thread works, 0 if it hangs or has died. thread is poller, archive, events or"
            " grafana_live.",
            ["thread"],
            registry=registry,
        )
        self.restarts = Counter(
            "aircall_exporter_thread_restarts",
            "Restarts of the thread after it died.",
            ["thread"],
            registry=registry,
        )
        for thread in threads:
            self.up.labels(thread.name).set_function(partial(_is_working, thread))
            self.restarts.labels(thread.name)


def _is_working(thread: WorkerThread) -> float:
    return float(thread.problem is None)
