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
    """The availability outside calls and after-call work. Any text is served unchanged."""
    availability_status: str = "available"
    """What the user set: `available`, `unavailable`, or `custom` for working hours ("Auto" in the phone)."""
    substatus: str = "always_open"
    """`always_open`, `always_closed`, or the reason of a pause, such as `out_for_lunch`. The API spells these
    in several ways, and serves any other text unchanged."""
    forced_unavailable: bool = False
    """Whether another person made the user unavailable. Ends when this is undone or the user signs out."""
    call: SimulatedCall | None = None
    """The user's current call, dialled or answered."""
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
    """The teams to which its calls are distributed."""
    is_ivr: bool = False
    opening: tuple[float, float] | None = None
    """Opening hours in company time, None if always open."""
    is_open: bool = True
    """Whether the number is open now. With opening hours, the traffic opens and closes it."""
    forced: bool = False
    """Whether an administrator opened or closed the number, whatever its opening hours are."""
    popularity: float = 1.0
    """Calls per assigned user, relative to other numbers."""
    created_at: str = "2024-03-04T11:41:01.000Z"

    @property
    def availability_status(self) -> str:
        """`open`, `closed`, or `custom` if the opening hours decide."""
        if self.opening is not None and not self.forced:
            return "custom"
        return "open" if self.is_open else "closed"


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
    """A call as it is now. Timestamps are in UNIX seconds, None until the event."""

    id: int
    direction: Direction
    started_at: int
    raw_digits: str
    """The other side's phone number, or `anonymous`."""
    number: SimulatedNumber | None
    user: SimulatedUser | None = None
    """The user who dialled or answered, or the last one to whom the call was transferred."""
    answered_at: int | None = None
    ended_at: int | None = None
    missed_call_reason: str | None = None
    team_ids: list[int] = field(default_factory=list)
    transferred_by: SimulatedUser | None = None
    transferred_to: SimulatedUser | None = None
    external_transferred_to: str | None = None
    """The outside number to which the user transferred the call, where it continues."""
    assigned_to: SimulatedUser | None = None
    tags: list[tuple[str, int]] = field(default_factory=list)
    """The name of each tag, and its time in UNIX seconds."""
    comments: list[tuple[str, int]] = field(default_factory=list)
    """The text of each comment, and its time in UNIX seconds."""
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
        """Seconds from start to end, with ringing; 0 until the call ends."""
        return 0 if self.ended_at is None else self.ended_at - self.started_at

    @property
    def user_id(self) -> int | None:
        """The id of `user`."""
        return self.user.id if self.user else None

    @property
    def number_id(self) -> int | None:
        """The id of `number`."""
        return self.number.id if self.number else None
