"""The call archive."""

from collections.abc import Iterator

from exporter.archive.writer import ArchiveStatus
from exporter.metrics.family import Family, Sample
from exporter.status import Status

UP = Family(
    "aircall_archive_up",
    "gauge",
    "1 while calls can be saved, 0 while the database is away or being loaded again.",
)
LAG = Family(
    "aircall_archive_lag_seconds",
    "gauge",
    "How long the oldest call that is not saved yet has been waiting; the counters wait with it.",
)
WAITING = Family("aircall_archive_pending_calls", "gauge", "Calls that were read and are not saved yet.")
REJECTED = Family(
    "aircall_archive_rejected_calls_total",
    "counter",
    "Calls that the database did not accept, since the start: they are neither kept nor counted. The log"
    " names each.",
)

COMPLETE_FROM = Family(
    "aircall_archive_complete_from_timestamp_seconds",
    "gauge",
    "The start (UNIX time) since which, up to the present, all calls have been read.",
)
MISSING = Family(
    "aircall_archive_backfill_remaining_seconds",
    "gauge",
    "How much of the past is still to be read: time whose calls are wanted (storage.backfill, downtime,"
    " a backfill by hand) and not known yet.",
)

FAMILIES = (UP, LAG, WAITING, REJECTED, COMPLETE_FROM, MISSING)


def coverage_samples(status: Status) -> Iterator[Sample]:
    """Expose how far back the calls reach:

    aircall_archive_complete_from_timestamp_seconds 1767225600
    aircall_archive_backfill_remaining_seconds 0
    """
    yield COMPLETE_FROM, (), status.complete_from
    yield MISSING, (), status.seconds_missing


def writer_samples(status: ArchiveStatus, now: float) -> Iterator[Sample]:
    """Expose how far the archive is behind; `now` is in seconds of our clock:

    aircall_archive_up 1
    aircall_archive_lag_seconds 0
    aircall_archive_pending_calls 0
    aircall_archive_rejected_calls_total 0
    """
    since = status.waiting_since
    yield UP, (), status.working
    yield LAG, (), 0.0 if since is None else max(0.0, now - since)
    yield WAITING, (), status.waiting
    yield REJECTED, (), status.rejected
