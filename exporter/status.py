"""How the exporter itself is doing, at one moment: what the poller knows besides the board."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.account.board import Board


@dataclass(frozen=True, slots=True)
class Polling:
    """One dataset: when its data was asked for (UNIX seconds, our clock; none before it was read once),
    and every how many seconds it is and should be read."""

    as_of: float | None
    interval: float
    target: float
    working: bool
    failing: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The poller's state. Limits are requests a minute."""

    datasets: Mapping[str, Polling]
    limit: float
    budget: float
    remaining: int | None
    credential_rejected: bool
    complete_from: int | None
    """The start (UNIX seconds, Aircall's clock) since which all calls have been read; none before that."""
    seconds_missing: int
    """How much of the past is still to be read."""

    @property
    def up(self) -> bool:
        """Whether the last poll of calls and of availabilities both worked."""
        return all(self.datasets[name].working for name in ("calls", "availabilities"))


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
