"""Families of the call archive."""

from collections.abc import Iterator

from exporter.archive.status import ArchiveStatus
from exporter.metrics.family import Family, Sample
from exporter.polling.status import Status

UP = Family(
    "aircall_archive_up",
    "gauge",
    "1 if calls can be saved, 0 while the database is unavailable or is being loaded again.",
    group="archive",
)
LAG = Family(
    "aircall_archive_lag_seconds",
    "gauge",
    "Time for which the oldest unsaved call has been waiting. Counters include a call when it is saved.",
    group="archive",
)
WAITING = Family(
    "aircall_archive_pending_calls",
    "gauge",
    "Calls that were fetched and are not saved yet.",
    group="archive",
)
REJECTED = Family(
    "aircall_archive_rejected_calls_total",
    "counter",
    "Calls that the database rejected. They are neither saved nor counted; the log names each. Resets when"
    " the exporter restarts.",
    group="archive",
)

COMPLETE_FROM = Family(
    "aircall_archive_complete_from_timestamp_seconds",
    "gauge",
    "UNIX time since which all calls have been fetched without a gap.",
    group="archive",
)
MISSING = Family(
    "aircall_archive_backfill_remaining_seconds",
    "gauge",
    "Length of the past whose calls are still to be fetched, because of storage.backfill, downtime or the"
    " backfill command.",
    group="archive",
)

FAMILIES = (UP, LAG, WAITING, REJECTED, COMPLETE_FROM, MISSING)


def coverage_samples(status: Status) -> Iterator[Sample]:
    """Yield how far back the calls reach.

    aircall_archive_complete_from_timestamp_seconds 1767225600
    aircall_archive_backfill_remaining_seconds 0
    """
    yield COMPLETE_FROM, (), status.complete_from
    yield MISSING, (), status.seconds_missing


def writer_samples(status: ArchiveStatus, now: float) -> Iterator[Sample]:
    """Yield how far the archive is behind. `now` is in seconds of our clock.

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
