"""The call archive."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.archive.writer import ArchiveStatus
from exporter.clock import Clock
from exporter.metrics.family import Family

UP = Family("aircall_archive_up", "gauge", "1 while calls can be saved, 0 while the database is away.")
LAG = Family(
    "aircall_archive_lag_seconds",
    "gauge",
    "How long the oldest call that is not saved yet has been waiting; the counters wait with it.",
)
WAITING = Family("aircall_archive_waiting_calls", "gauge", "Calls that were read and are not saved yet.")

FAMILIES = (UP, LAG, WAITING)


class ArchiveCollector(Collector):
    """Expose how far the archive is behind:

    aircall_archive_up 1
    aircall_archive_lag_seconds 0
    aircall_archive_waiting_calls 0
    """

    def __init__(self, status: Callable[[], ArchiveStatus], clock: Clock) -> None:
        self._status = status
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        since = status.waiting_since
        yield UP.gauge([((), status.working)])
        yield LAG.gauge([((), 0.0 if since is None else max(0.0, self._clock() - since))])
        yield WAITING.gauge([((), status.waiting)])
