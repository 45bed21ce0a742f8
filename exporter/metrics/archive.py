"""The call archive."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.archive.writer import ArchiveStatus
from exporter.clock import Clock
from exporter.metrics.family import Family
from exporter.status import Status

UP = Family("aircall_archive_up", "gauge", "1 while calls can be saved, 0 while the database is away.")
LAG = Family(
    "aircall_archive_lag_seconds",
    "gauge",
    "How long the oldest call that is not saved yet has been waiting; the counters wait with it.",
)
WAITING = Family("aircall_archive_waiting_calls", "gauge", "Calls that were read and are not saved yet.")

COMPLETE_FROM = Family(
    "aircall_archive_complete_from_timestamp_seconds",
    "gauge",
    "The start (UNIX time) since which, up to the present, all calls have been read.",
)
MISSING = Family(
    "aircall_archive_missing_seconds",
    "gauge",
    "How much of the past is still to be read: time whose calls are wanted (storage.backfill, downtime,"
    " a backfill by hand) and not known yet.",
)

FAMILIES = (UP, LAG, WAITING, COMPLETE_FROM, MISSING)


def collect(status: Status) -> Iterator[Metric]:
    """Expose how far back the calls reach:

    aircall_archive_complete_from_timestamp_seconds 1767225600
    aircall_archive_missing_seconds 0
    """
    yield COMPLETE_FROM.gauge([] if status.complete_from is None else [((), status.complete_from)])
    yield MISSING.gauge([((), status.seconds_missing)])


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
