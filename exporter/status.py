"""How the exporter itself is doing, at one moment: what the poller knows besides the board."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.account.board import Board
from exporter.account.set_aside import ObjectKind

INTERVALS = 3
"""Intervals by which data may be old before it counts as out of date."""

ALLOWANCE = 10.0
"""Seconds more, so that one request that takes all the time that it has makes nothing out of date."""

LIVE = ("calls", "availabilities")
"""The datasets that `aircall_up` is about."""


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset: when its data was asked for (UNIX seconds, our clock; none before it was read once),
    and every how many seconds it is and should be read."""

    as_of: float | None
    interval: float
    target: float
    working: bool
    failing: bool
    expected_interval: float
    """The interval in force, or that with which the data was read if it was longer."""

    def age(self, now: float) -> float | None:
        """Return how old the data is, in seconds; none if there is none."""
        return None if self.as_of is None else max(0.0, now - self.as_of)

    def is_current(self, now: float) -> bool:
        """Return whether the data is no older than three intervals and an allowance for slow answers."""
        age = self.age(now)
        return age is not None and age <= INTERVALS * self.expected_interval + ALLOWANCE


@dataclass(frozen=True, slots=True)
class Status:
    """The poller's state. Limits are requests a minute."""

    datasets: Mapping[str, DatasetStatus]
    limit: float
    budget: float
    remaining: int | None
    credential_rejected: bool
    complete_from: int | None
    """The start (UNIX seconds, Aircall's clock) since which all calls have been read; none before that."""
    seconds_missing: int
    """How much of the past is still to be read."""
    set_aside: Mapping[ObjectKind, int]
    """How many objects are set aside because their requests fail."""
    doubtful: Mapping[bool, int]
    """How many calls in progress should be over: those on the board (True), and those shown no more."""

    def outdated(self, now: float) -> tuple[str, ...]:
        """Return which of calls and availabilities were read once, and are out of date.

        Args:
            now: UNIX time on our clock, in seconds.
        """
        return tuple(
            name
            for name in LIVE
            if self.datasets[name].as_of is not None and not self.datasets[name].is_current(now)
        )

    def is_up(self, now: float) -> bool:
        """Return whether the last poll of calls and of availabilities both worked, and both are current.

        Args:
            now: UNIX time on our clock, in seconds.
        """
        return all(self.datasets[name].working and self.datasets[name].is_current(now) for name in LIVE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is served, replaced whole after each answer of Aircall's."""

    board: Board
    status: Status

    @property
    def missing(self) -> tuple[str, ...]:
        """The datasets that have to be read once before the exporter is ready."""
        needed = ("users", "teams", "numbers", "availabilities", "calls")
        return tuple(name for name in needed if name not in self.board.known)
