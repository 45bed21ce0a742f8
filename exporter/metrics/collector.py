"""From a snapshot to metric families, at a scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.clock import Clock
from exporter.metrics import archive, counters, itself, numbers, teams, users, who
from exporter.metrics.family import Family
from exporter.status import Snapshot

FAMILIES: tuple[Family, ...] = tuple(
    family for module in (who, users, teams, numbers, counters, itself) for family in module.FAMILIES
)
"""Every family that is made from a snapshot; those counted by client and poller come beside them."""


class SnapshotCollector(Collector):
    """Serves the latest snapshot, with waits, lengths and ages as of the scrape. Asks Aircall nothing."""

    def __init__(self, latest: Callable[[], Snapshot], clock: Clock) -> None:
        self._latest = latest
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        snapshot, now = self._latest(), self._clock()
        board = snapshot.board
        yield from who.collect(board)
        yield from users.collect(board)
        yield from users.collect_moving(board, now)
        yield from teams.collect(board)
        yield from numbers.collect(board)
        yield from numbers.collect_moving(board, now)
        yield from counters.collect(board)
        yield from archive.collect(snapshot.status)
        yield from itself.collect(snapshot)
        yield from itself.collect_moving(snapshot.status, now)
