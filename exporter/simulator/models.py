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
    greeting_s: float = 0
    """Seconds of a welcome message, after which callers reach the menu or the users."""
    has_ai_agent: bool = False
    """Whether an AI voice agent talks to callers first."""
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


@dataclass(frozen=True, slots=True)
class IvrOption:
    """An option that a caller chose in a menu. Timestamps are in UNIX seconds."""

    title: str
    key: str
    branch: str
    started_at: int
    """When the previous option ended, or the call started."""
    ended_at: int
    """When the caller chose the option."""


@dataclass(slots=True, eq=False)
class AiAgentSession:
    """A conversation of an AI voice agent with a caller. Timestamps are in UNIX seconds."""

    started_at: int
    ended_at: int | None = None
    escalated: bool = False
    """Whether the AI agent passed the caller on to users."""


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
    ivr_options: list[IvrOption] = field(default_factory=list)
    """What the caller chose in menus, oldest first. Only companies on Smartflows have them."""
    ai_agents: list[AiAgentSession] = field(default_factory=list)
    """The conversations with AI voice agents, oldest first."""
    reached_person: bool = False
    """Whether a person answered. The API does not show it."""

    @property
    def status(self) -> Status:
        """`initial` while it rings, `answered` while two people talk, `done` afterwards.

        If the account's `ai_answers` is true, `answered` begins when an AI agent starts to talk.
        """
        if self.ended_at is not None:
            return "done"
        return "initial" if self.answered_at is None else "answered"

    @property
    def is_waiting(self) -> bool:
        """Whether an inbound call is in progress that no person has answered."""
        by_ai_agent = self.status == "answered" and bool(self.ai_agents) and not self.reached_person
        return self.direction == "inbound" and (self.status == "initial" or by_ai_agent)

    @property
    def ai_agent(self) -> AiAgentSession | None:
        """The conversation with an AI agent that goes on now."""
        return next((session for session in self.ai_agents if session.ended_at is None), None)

    @property
    def left_menu_at(self) -> int | None:
        """When the caller last left a menu or an AI agent to reach users, None without either."""
        options = [option.ended_at for option in self.ivr_options]
        sessions = [session.ended_at for session in self.ai_agents if session.escalated and session.ended_at]
        return max(options + sessions, default=None)

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
