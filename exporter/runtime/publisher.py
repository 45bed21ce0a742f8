"""Publish snapshots for scrapes, at most so often that the poller keeps most of the processor time."""

import math
import time
from collections.abc import Callable

from exporter.clock import Clock
from exporter.polling.status import Snapshot

QUICK_SNAPSHOT_S = 0.1
"""Seconds. A snapshot that takes no longer is made after every response."""

SHARE_FOR_SNAPSHOTS = 0.1
"""Share of the time for slower snapshots, which occur in very large companies while names are fetched."""

SHARE_FOR_EVENTS = 0.5
"""Share of a processor for snapshots after events, which may arrive a thousand times a second."""


class Publisher:
    """Keeps the latest snapshot, and decides when the next one is made. All times are on our clock."""

    def __init__(
        self,
        clock: Clock,
        make_snapshot: Callable[[], Snapshot],
        on_published: Callable[[Snapshot], object],
    ) -> None:
        self._clock, self._make_snapshot, self._on_published = clock, make_snapshot, on_published
        self.latest = make_snapshot()
        self.changed = False
        """Whether data has changed since the latest snapshot."""
        self.next_after_response = 0.0
        """When the next snapshot after a response may be made."""
        self.next_after_events = 0.0
        """When the next snapshot after events may be made."""

    def publish(self) -> None:
        """Make a snapshot now."""
        begun, worked = self._clock(), time.thread_time()
        self.changed = False
        self.latest = self._make_snapshot()
        self._on_published(self.latest)
        done, worked = self._clock(), time.thread_time() - worked
        took = done - begun
        pause = took * (1 / SHARE_FOR_SNAPSHOTS - 1) if took > QUICK_SNAPSHOT_S else 0
        self.next_after_response = done + pause
        self.next_after_events = done + worked * (1 / SHARE_FOR_EVENTS - 1)

    def publish_if_due(self, due: float) -> float:
        """Publish changes if it is time. Return when the rest is due."""
        if self.changed and self._clock() >= due:
            self.publish()
        return due if self.changed else math.inf
