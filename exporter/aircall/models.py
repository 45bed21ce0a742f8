"""Aircall's objects, with the fields that the exporter uses. Other fields are not decoded.

Timestamps are UNIX seconds, UTC (API reference, "Calls").
"""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from exporter.aircall.data_limits import Limit
from exporter.aircall.menus import MenuStep, MenuTimes
from exporter.aircall.times import Timestamp, read_time, seconds_between

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Direction = Literal["inbound", "outbound"]
Outcome = Literal["answered", "missed", "unanswered", "ai_agent"]
Kind = Literal["call", "user", "team", "number", "availability"]

KINDS: tuple[Kind, ...] = ("call", "user", "team", "number", "availability")


class Ref(msgspec.Struct, frozen=True, gc=False):
    """An object nested in another. Only the id is used, because nested objects are abridged."""

    id: Id


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call in any phase."""

    id: Id
    direction: Direction
    status: str
    started_at: Timestamp
    answered_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    missed_call_reason: str | None = None
    raw_digits: str | None = None
    user: Ref | None = None
    number: Ref | None = None
    as_of: float = 0.0
    """The time that this version describes (UNIX seconds, our clock); set after decoding."""
    menus: MenuTimes | None = msgspec.field(default=None, name="-menus")
    """The caller's way through menus, if it is known; set after decoding."""

    @property
    def phase(self) -> Literal["initial", "answered", "done"]:
        """The phase of the call, by its status or its timestamps, whichever is further."""
        if self.status == "done" or self.ended_at is not None:
            return "done"
        if self.status == "answered" or self.answered_at is not None:
            return "answered"
        return "initial"

    @property
    def outcome(self) -> Outcome:
        """The outcome of a done call. `ai_agent`: an AI voice agent handled it, and no user."""
        if self._without_person and not self.missed_call_reason:
            return "ai_agent"
        if self.answered_at is not None and not self.missed_call_reason:
            return "answered"
        return "missed" if self.direction == "inbound" else "unanswered"

    @property
    def _without_person(self) -> bool:
        """Whether an AI voice agent took an inbound call, and no user has answered it."""
        is_marked = self.menus is not None and self.menus.ai_agent
        return is_marked and self.direction == "inbound" and self.user is None

    @property
    def waiting(self) -> bool:
        """Whether the caller is in the queue or before it, in a menu or with an AI voice agent.

        A ringing outbound call is an agent dialling.
        """
        if self.phase == "answered":
            return self._without_person
        return self.direction == "inbound" and self.phase == "initial"

    @property
    def left_menu_at(self) -> int | None:
        """When the caller left the last menu or AI voice agent, or None if no such moment is known.

        It is not before the start, and not after a person's answer, or after the end of another call.
        """
        if self.menus is None or not self.menus.waits_since:
            return None
        answered = self.outcome == "answered" and not self._without_person
        until = self.answered_at if answered else self.ended_at
        left_at = max(self.started_at, self.menus.waits_since)
        return left_at if until is None else max(self.started_at, min(left_at, until))

    @property
    def waits_since(self) -> int:
        """When the caller began to wait for a person: at the start, unless a later moment is known."""
        return self.left_menu_at or self.started_at

    @property
    def time_to_answer(self) -> int:
        """`answered_at - waits_since`; 0 if the call was not answered."""
        return seconds_between(self.waits_since, self.answered_at)

    @property
    def wait(self) -> int:
        """`ended_at - waits_since`: the wait of a missed call; 0 if the call has not ended."""
        return seconds_between(self.waits_since, self.ended_at)

    @property
    def talk_time(self) -> int:
        """`ended_at - answered_at`; 0 if the call was not answered or has not ended."""
        return seconds_between(self.answered_at, self.ended_at)

    @property
    def duration(self) -> int:
        """`ended_at - started_at`, including ringing, like the API's `duration`; 0 if it has not ended."""
        return seconds_between(self.started_at, self.ended_at)


class Tag(msgspec.Struct, frozen=True):
    """A tag on a call."""

    name: str


class Comment(msgspec.Struct, frozen=True):
    """A comment on a call; `posted_at` is ISO 8601 text or UNIX seconds."""

    content: str
    posted_at: str | int | None = None

    @property
    def time(self) -> int | None:
        """When it was posted (UNIX seconds), or None if that is invalid."""
        return read_time(self.posted_at)


class CallDetails(msgspec.Struct, frozen=True):
    """Further data of a call. Malformed details are left out."""

    tags: tuple[Tag, ...] | None = None
    comments: tuple[Comment, ...] | None = None
    asset: str | None = None
    recording: str | None = None
    voicemail: str | None = None
    assigned_to: Any = None
    """A user, abridged."""
    archived: bool | None = None
    """Whether someone has archived the call, which says that nothing is left to do."""

    @property
    def assigned_to_id(self) -> int | None:
        """The id of the user to whom the call is assigned, or None."""
        try:
            return msgspec.convert(self.assigned_to, Ref).id
        except msgspec.ValidationError:
            return None

    @property
    def tag_names(self) -> frozenset[str]:
        """The names of the call's tags."""
        return frozenset(tag.name for tag in self.tags or ())


class CallWithDetails(NamedTuple):
    """A call and its details."""

    call: Call
    details: CallDetails
    unread: frozenset[str] = frozenset()
    """The names of its fields that could not be read, and of its times that cannot be right."""
    team_ids: frozenset[int] = frozenset()
    """The teams that a call in progress is distributed to."""
    transferred_outside: bool = False
    """Whether it was transferred to an outside number."""
    has_timeline: bool = False
    """Whether it has a timeline, which reports the options that the caller chose in menus."""
    menu_steps: tuple[MenuStep, ...] = ()
    """What the caller did in menus, as far as it is reported."""


class User(msgspec.Struct, frozen=True):
    """A user, from the v1 or the v2 list."""

    id: Id
    name: str | None = None
    email: Any = None
    """Text, unless Aircall sends something else, which matches no setting."""
    time_zone: str | None = None
    language: str | None = None


class UserStatus(msgspec.Struct, frozen=True):
    """A user and their availability status."""

    id: Id
    name: str | None = None
    email: str | None = None
    availability_status: str | None = None
    """`available`, `unavailable`, or `custom` ("Auto" in the phone: by the user's working hours)."""
    substatus: str | None = None
    """`always_open`, `always_closed`, or why the user is away, such as `Out for lunch`; not in v1. The
    spelling differs from that of events."""

    @property
    def label(self) -> str:
        """The name, or `user <id>` without one."""
        return self.name or f"user {self.id}"


class Team(msgspec.Struct, frozen=True):
    """A team. `users` holds the members' objects, which are decoded one by one."""

    id: Id
    users: tuple[msgspec.Raw, ...] | None = None
    name: str | None = None


class Number(msgspec.Struct, frozen=True):
    """A phone number of the company."""

    id: Id
    name: str | None = None
    digits: str | None = None
    country: str | None = None
    time_zone: str | None = None
    availability_status: Any = None
    """`open`, `closed`, or `custom` (by opening hours), unless Aircall sends something else."""
    open: Any = None
    """Whether the number is open now: true or false, unless Aircall sends something else."""

    @property
    def is_open(self) -> bool | None:
        """Whether the number is open; None if that is unknown.

        The field `open` counts only for numbers with opening hours, and for those of older accounts, which
        have no `availability_status`. Companies on Smartflows have an outdated `open`, and the API does not
        name these companies.
        """
        if self.availability_status in ("open", "closed"):
            return bool(self.availability_status == "open")
        is_scheduled = self.availability_status in ("custom", None)
        return self.open if is_scheduled and isinstance(self.open, bool) else None


class Availability(msgspec.Struct, frozen=True):
    """One user's availability, in Aircall's word."""

    id: Id
    availability: str


class NumberUsers(msgspec.Struct, frozen=True):
    """The users of a number (`GET /v1/numbers/:id`)."""

    users: tuple[msgspec.Raw, ...]


class UserNumbers(msgspec.Struct, frozen=True):
    """The numbers of a user (`GET /v1/users/:id`, retired with v1 users)."""

    numbers: tuple[msgspec.Raw, ...]


T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list.

    `malformed` is the number of objects that could not be decoded. `ids` also contains their ids, if they
    have one, because these objects still exist. `total` is the number of objects in the whole list, or None.
    """

    items: tuple[T, ...]
    malformed: int
    ids: frozenset[int]
    next_page_link: str | None
    total: int | None = None
    exceeded: Mapping[Limit, int] = {}
    """How often a limit was exceeded."""
    ignored: frozenset[int] = frozenset()
    """The ids of calls that are left out because their direction is unknown."""

    @property
    def objects(self) -> int:
        """The number of objects on the page."""
        return len(self.items) + self.malformed + len(self.ignored)
