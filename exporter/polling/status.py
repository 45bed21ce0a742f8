"""Describe the poller's state, which a snapshot contains in addition to the board."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.account.board import Board
from exporter.account.failing_objects import ObjectKind

OUTDATED_INTERVALS = 3
"""Age, in intervals, from which data counts as outdated."""

ALLOWANCE_S = 10.0
"""Seconds in addition, so that one request that reaches its timeout does not make data outdated."""

LIVE = ("calls", "availabilities")
"""The datasets that `aircall_up` covers."""


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The polling of one dataset. Intervals are in seconds."""

    as_of: float | None
    """When the data was requested (seconds, our clock); `None` before the first complete poll."""
    interval: float
    target: float
    working: bool
    failing: bool
    expected_interval: float
    """The interval in force, or the interval at the time of the poll if that was longer."""

    def age(self, now: float) -> float | None:
        """Return the age of the data in seconds, or `None` if there is no data."""
        return None if self.as_of is None else max(0.0, now - self.as_of)

    def is_current(self, now: float) -> bool:
        """Return whether the data is no older than three intervals and an allowance for slow responses."""
        age = self.age(now)
        return age is not None and age <= OUTDATED_INTERVALS * self.expected_interval + ALLOWANCE_S


@dataclass(frozen=True, slots=True)
class Status:
    """The poller's state. `limit` and `budget` are in requests per minute."""

    datasets: Mapping[str, DatasetStatus]
    limit: float
    budget: float
    remaining: int | None
    credential_rejected: bool
    complete_from: int | None
    """Since when all calls have been fetched (UNIX seconds, Aircall's clock); `None` before the first."""
    seconds_missing: int
    """Seconds of the past whose calls are still to be fetched."""
    set_aside: Mapping[ObjectKind, int]
    """Number of objects that are set aside because their requests fail."""
    doubtful: Mapping[bool, int]
    """Number of doubtful calls: those still on the board (True), and those no longer shown (False)."""

    def outdated(self, now: float) -> tuple[str, ...]:
        """Return which of calls and availabilities have been fetched, but are outdated.

        Args:
            now: Seconds of our clock.
        """
        return tuple(
            name
            for name in LIVE
            if self.datasets[name].as_of is not None and not self.datasets[name].is_current(now)
        )

    def is_up(self, now: float) -> bool:
        """Return whether the last polls of calls and availabilities succeeded, and both are current.

        Args:
            now: Seconds of our clock.
        """
        return all(self.datasets[name].working and self.datasets[name].is_current(now) for name in LIVE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The immutable state that is served. A new one replaces it after Aircall's responses."""

    board: Board
    status: Status

    @property
    def missing(self) -> tuple[str, ...]:
        """The datasets that are still to be fetched before the exporter is ready."""
        needed = ("users", "teams", "numbers", "availabilities", "calls")
        return tuple(name for name in needed if name not in self.board.known)
