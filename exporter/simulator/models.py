"""Define the objects of the simulated account: users, teams, numbers and calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, eq=False)
class SimulatedUser:
    """A user; every field may be changed at any time."""

    id: int
    name: str
    email: str
    time_zone: str = "Europe/Paris"
    language: str = "en-US"
    created_at: str = "2024-03-04T09:12:44.000Z"
    wrap_up_time: int = 0
    """Seconds of after-call work that follow each call."""
    presence: str = "available"
    """The availability while neither in a call nor wrapping one up; any text is served as it is."""
    availability_status: str = "available"
    """What the user set: `available`, `unavailable`, or `custom` for working hours ("Auto" in the phone)."""
    substatus: str = "always_open"
    """`always_open`, `always_closed`, or why he pauses, such as `Out for lunch`."""
    forced_unavailable: bool = False
    """Whether somebody else made the user unavailable, until that is undone or he signs out."""
    call: SimulatedCall | None = None
    """The call that keeps the user busy now: one dialled or answered."""
    wrap_up_until: float = 0.0
    """UNIX seconds at which the after-call work ends."""


@dataclass(slots=True, eq=False)
class SimulatedTeam:
    """A team; `user_ids` may be changed at any time."""

    id: int
    name: str
    user_ids: set[int] = field(default_factory=set)
    created_at: str = "2024-03-04T08:31:43.000Z"


@dataclass(slots=True, eq=False)
class SimulatedNumber:
    """A phone number; `user_ids`, the users who answer it, may be changed at any time."""

    id: int
    name: str
    digits: str
    country: str
    time_zone: str
    user_ids: set[int] = field(default_factory=set)
    team_ids: list[int] = field(default_factory=list)
    """The teams that its calls are distributed to."""
    is_ivr: bool = False
    opening: tuple[float, float] | None = None
    """Between which hours of the company's day it is open; none: always."""
    popularity: float = 1.0
    """How many callers it draws, per user who answers it."""
    created_at: str = "2024-03-04T11:41:01.000Z"


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
