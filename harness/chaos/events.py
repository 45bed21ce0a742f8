"""Lose, duplicate and delay Aircall's events on their way to the exporter."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from exporter.simulator.webhook_delivery import NetworkConditions
from harness.chaos.tracks import Action

FATES = ("sent", "lost", "doubled", "late")
USUAL: dict[str, Any] = {"lost": 0.05, "doubled": 0.1, "late": 0.2, "late_seconds": 20.0}
"""Shares of the events. Other events overtake late ones."""


@dataclass
class CountedConditions(NetworkConditions):
    """Network conditions that count lost, duplicated and late events."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))

    def delays(self) -> list[float]:
        """Return the delays in seconds with which an event is sent: none, one or two."""
        delays = super().delays()
        self.counts["sent"] += 1
        self.counts["lost"] += not delays
        self.counts["doubled"] += len(delays) > 1
        self.counts["late"] += any(delays)
        return delays


def actions(way: NetworkConditions) -> list[Action]:
    """Return the faults in addition to the usual ones."""

    def with_shares(**shares: float) -> Callable[[], AbstractContextManager[None]]:
        return lambda: _changed(way, shares)

    return [
        Action("all events lost", with_shares(lost=1.0)),
        Action("every second event lost", with_shares(lost=0.5)),
        Action("all events doubled and late", with_shares(doubled=1.0, late=1.0)),
        Action("all events late by up to two minutes", with_shares(late=1.0, late_seconds=120.0)),
    ]


@contextmanager
def _changed(way: NetworkConditions, shares: dict[str, float]) -> Iterator[None]:
    for name, share in shares.items():
        setattr(way, name, share)
    yield
    for name, share in USUAL.items():
        setattr(way, name, share)
