"""The simulated account's calls, each one entry that changes in place from ringing to done."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # a user knows his call, a call its user
    from exporter.simulator.directory import SimulatedNumber, SimulatedUser

Direction = Literal["inbound", "outbound"]
Status = Literal["initial", "answered", "done"]

MISSED_CALL_REASONS = (
    "out_of_opening_hours",
    "short_abandoned",
    "abandoned_in_ivr",
    "abandoned_in_classic",
    "no_available_agent",
    "agents_did_not_answer",
)


@dataclass(slots=True, eq=False)
class SimulatedCall:
    """A call as it is now. Timestamps are UNIX seconds, none while the moment has not come."""

    id: int
    direction: Direction
    started_at: int
    raw_digits: str
    """The other side's phone number, or `anonymous`."""
    number: SimulatedNumber | None
    user: SimulatedUser | None = None
    """Who dialled, answered, or was the last to receive a transfer."""
    answered_at: int | None = None
    ended_at: int | None = None
    missed_call_reason: str | None = None
    team_ids: list[int] = field(default_factory=list)
    transferred_by: SimulatedUser | None = None
    transferred_to: SimulatedUser | None = None
    external_transferred_to: str | None = None
    """The outside number to which the user transferred the call; it goes on there."""
    assigned_to: SimulatedUser | None = None
    tags: list[tuple[str, int]] = field(default_factory=list)
    """Name, and UNIX seconds of the tagging."""
    comments: list[tuple[str, int]] = field(default_factory=list)
    """Text, and UNIX seconds of the posting."""
    archived: bool = False
    recorded: bool = False
    voicemail: bool = False

    @property
    def status(self) -> Status:
        """`initial` while it rings, `answered` while two people talk, `done` afterwards."""
        if self.ended_at is not None:
            return "done"
        return "initial" if self.answered_at is None else "answered"

    @property
    def duration(self) -> int:
        """Seconds from start to end, ringing included; 0 while the call goes on."""
        return 0 if self.ended_at is None else self.ended_at - self.started_at

    @property
    def user_id(self) -> int | None:
        """The id of `user`."""
        return self.user.id if self.user else None

    @property
    def number_id(self) -> int | None:
        """The id of `number`."""
        return self.number.id if self.number else None


def _order(call: SimulatedCall) -> tuple[int, int]:
    return call.started_at, call.id


class CallHistory(dict[int, SimulatedCall]):
    """All calls by id, and the same in the order in which they started."""

    def __init__(self) -> None:
        super().__init__()
        self.chronological: list[SimulatedCall] = []

    def add(self, call: SimulatedCall) -> None:
        """Enter a call, which may have started before others that are already in."""
        self[call.id] = call
        insort(self.chronological, call, key=_order)

    def started_between(self, first: float, last: float) -> range:
        """The positions in `chronological` of the calls with `first <= started_at <= last` (UNIX seconds)."""
        begin = bisect_left(self.chronological, first, key=lambda call: call.started_at)
        end = bisect_right(self.chronological, last, key=lambda call: call.started_at)
        return range(begin, max(begin, end))
