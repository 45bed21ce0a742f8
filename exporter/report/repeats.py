"""Add up how many callers call again after a user has talked to them."""

from dataclasses import dataclass, field

from exporter.archive.reported_calls import Repeat

DAY_S, WEEK_S = 86_400, 604_800
"""The times within which a caller calls again."""


@dataclass(slots=True)
class Repeats:
    """Answered calls whose caller can be recognised, by how soon the caller called again."""

    known: dict[int, int] = field(default_factory=lambda: {DAY_S: 0, WEEK_S: 0})
    """By time: the calls after which as much time is in the archive."""
    again: dict[int, int] = field(default_factory=lambda: {DAY_S: 0, WEEK_S: 0})
    """By time: those of them whose caller called again within it."""

    def count(self, repeat: Repeat) -> None:
        """Add an answered call."""
        for within in self.known:
            if repeat.known_for >= within:
                self.known[within] += 1
                self.again[within] += repeat.again_after is not None and repeat.again_after <= within

    def ratio(self, within: int) -> float | None:
        """Return the share of callers who called again within this time, or None without such calls."""
        return self.again[within] / self.known[within] if self.known[within] else None
