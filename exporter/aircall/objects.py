"""Aircall's objects, as far as the exporter reads them, decoded one by one.

A field that is not named here cannot break an object; an object that cannot be read is left out and
counted, and costs nothing but itself. Timestamps are UNIX seconds, UTC (API reference, "Calls").
"""

import json
import math
import sys
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Timestamp = Annotated[int, msgspec.Meta(ge=0, lt=10**11)]
Direction = Literal["inbound", "outbound"]
Kind = Literal["call", "user", "team", "number", "availability"]

LONGEST_NUMBER = 400
"""Digits of a whole number."""

KINDS: tuple[Kind, ...] = ("call", "user", "team", "number", "availability")


class Ref(msgspec.Struct, frozen=True, gc=False):
    """An object nested in another: only its id is relied on, since nested objects are abridged."""

    id: Id


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call, at whatever point of its journey it was read."""

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
    """When this was so (UNIX seconds, Aircall's clock); whoever has asked or was told says it."""

    @property
    def phase(self) -> Literal["initial", "answered", "done"]:
        """Where on its journey the call is; a status unknown to us is read from the timestamps."""
        if self.status == "done" or self.ended_at is not None:
            return "done"
        if self.status == "answered" or self.answered_at is not None:
            return "answered"
        return "initial"

    @property
    def outcome(self) -> Literal["answered", "missed", "unanswered"]:
        """How a finished call went."""
        if self.answered_at is not None and self.missed_call_reason is None:
            return "answered"
        return "missed" if self.direction == "inbound" else "unanswered"

    @property
    def waiting(self) -> bool:
        """Whether a caller is in the queue now; an outbound call that rings is an agent dialling."""
        return self.direction == "inbound" and self.phase == "initial"

    @property
    def seconds_to_answer(self) -> int:
        """`answered_at - started_at`; 0 for a call that nobody answered."""
        return 0 if self.answered_at is None else max(0, self.answered_at - self.started_at)

    @property
    def seconds_talked(self) -> int:
        """`ended_at - answered_at`; 0 for a call that nobody answered or that goes on."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return max(0, self.ended_at - self.answered_at)

    @property
    def seconds(self) -> int:
        """`ended_at - started_at`, ringing included: what the API calls `duration`."""
        return 0 if self.ended_at is None else max(0, self.ended_at - self.started_at)


class Tag(msgspec.Struct, frozen=True):
    """A tag on a call."""

    name: str


class Comment(msgspec.Struct, frozen=True):
    """A comment on a call; `posted_at` is ISO 8601 text or UNIX seconds."""

    content: str
    posted_at: str | int | None = None

    @property
    def time(self) -> int | None:
        """When it was posted, in UNIX seconds, where that can be read."""
        try:
            if isinstance(self.posted_at, str):
                return int(datetime.fromisoformat(self.posted_at).timestamp())
            return msgspec.convert(self.posted_at, Timestamp)
        except (ValueError, OverflowError):
            return None


class CallDetails(msgspec.Struct, frozen=True):
    """What else is known of a call. Details that cannot be read are left out and cost no call."""

    tags: tuple[Tag, ...] | None = None
    comments: tuple[Comment, ...] | None = None
    asset: str | None = None
    recording: str | None = None
    voicemail: str | None = None
    assigned_to: Any = None
    """A user, abridged; whatever else may stand there costs no other detail."""

    @property
    def assigned_to_id(self) -> int | None:
        try:
            return msgspec.convert(self.assigned_to, Ref).id
        except msgspec.ValidationError:
            return None

    @property
    def tag_names(self) -> frozenset[str]:
        return frozenset(tag.name for tag in self.tags or ())


class ReadCall(NamedTuple):
    """A call and its details."""

    call: Call
    details: CallDetails


class User(msgspec.Struct, frozen=True):
    """A user, from the v1 or the v2 list."""

    id: Id
    name: str | None = None
    time_zone: str | None = None
    language: str | None = None


class UserStatus(msgspec.Struct, frozen=True):
    """Who a user is, and what he has set himself to."""

    id: Id
    name: str | None = None
    email: str | None = None
    availability_status: str | None = None
    """`available`, `unavailable`, or `custom` ("Auto" in the phone: by the user's working hours)."""
    substatus: str | None = None
    """`always_open`, `always_closed`, or why he is away, such as `Out for lunch`; v1 does not tell it."""

    @property
    def label(self) -> str:
        """What to call him."""
        return self.name or f"user {self.id}"


class Team(msgspec.Struct, frozen=True):
    """A team; `users` holds each member's object, read on its own."""

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


class Availability(msgspec.Struct, frozen=True):
    """What one user is doing now, in Aircall's word."""

    id: Id
    availability: str


class NumberUsers(msgspec.Struct, frozen=True):
    """Who answers a number (`GET /v1/numbers/:id`)."""

    users: tuple[msgspec.Raw, ...]


class UserNumbers(msgspec.Struct, frozen=True):
    """Which numbers a user answers (`GET /v1/users/:id`, retired with v1 users)."""

    numbers: tuple[msgspec.Raw, ...]


T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list: what could be read, how many objects could not, and the next page's link.

    `ids` are those of all objects on it, also of the unreadable ones where they have one: they are
    there, and what was known of them stays.
    """

    items: tuple[T, ...]
    malformed: int
    ids: frozenset[int]
    next_page_link: str | None


class InvalidAnswerError(Exception):
    """The answer is not JSON, or not of the shape that the endpoint promises."""


class _Meta(msgspec.Struct):
    next_page_link: str | None = None


def decode_page(body: bytes, key: str, kind: type[T]) -> Page[T]:
    """Decode a list answer, whose objects stand under `key`. Raises InvalidAnswerError."""
    raws, next_page_link = _list(body, key)
    items, malformed = decode_objects(raws, kind)
    return Page(items, malformed, _ids(raws), next_page_link)


def decode_calls(body: bytes) -> Page[ReadCall]:
    """Decode a list of calls with their details. Raises InvalidAnswerError."""
    raws, next_page_link = _list(body, "calls")
    return decode_calls_of(raws, next_page_link)


def decode_call(body: bytes) -> Page[ReadCall]:
    """Decode a single call as a page of one, or of none if it is unreadable. Raises InvalidAnswerError."""
    return decode_calls_of([_field(body, "call")])


def decode_calls_of(raws: list[msgspec.Raw], next_page_link: str | None = None) -> Page[ReadCall]:
    """Calls with their details, those that cannot be read counted and left out."""
    items = []
    for raw in raws:
        (calls, _), (details, _) = decode_objects([raw], Call), decode_objects([raw], CallDetails)
        if calls:
            items.append(ReadCall(_sharing(calls[0]), details[0] if details else CallDetails()))
    return Page(tuple(items), len(raws) - len(items), _ids(raws), next_page_link)


def _sharing(call: Call) -> Call:
    """The same call, holding in common with all others what many have: tens of thousands are kept."""
    return msgspec.structs.replace(
        call,
        status=sys.intern(call.status),
        started_at=_shared(call.started_at),
        answered_at=_shared(call.answered_at),
        ended_at=_shared(call.ended_at),
        missed_call_reason=call.missed_call_reason and sys.intern(call.missed_call_reason),
        user=_shared(call.user),
        number=_shared(call.number),
    )


@lru_cache(maxsize=2**12)
def _shared(value: T) -> T:
    """One object for all that are equal, of late: calls that are read together began and ended together."""
    return value


def _list(body: bytes, key: str) -> tuple[list[msgspec.Raw], str | None]:
    fields = decode_fields(body)
    try:
        raws = msgspec.json.decode(fields[key], type=list[msgspec.Raw])
        meta = msgspec.json.decode(fields["meta"], type=_Meta) if "meta" in fields else _Meta()
    except KeyError:
        raise InvalidAnswerError(f"the answer has no list of {key}") from None
    except msgspec.DecodeError as error:
        raise InvalidAnswerError(f"the list of {key} cannot be read: {error}") from None
    return raws, meta.next_page_link


def _ids(raws: list[msgspec.Raw]) -> frozenset[int]:
    refs, _ = decode_objects(raws, Ref)
    return frozenset(ref.id for ref in refs)


def _field(body: bytes, key: str) -> msgspec.Raw:
    fields = decode_fields(body)
    if key not in fields:
        raise InvalidAnswerError(f"the answer has no {key}")
    return fields[key]


def decode_object(body: bytes, key: str, kind: type[T]) -> T | None:
    """Decode a single-object answer; none where that object cannot be read. Raises InvalidAnswerError."""
    items, _ = decode_objects([_field(body, key)], kind)
    return items[0] if items else None


def decode_objects(raws: Any, kind: type[T]) -> tuple[tuple[T, ...], int]:
    """Decode objects one by one; also how many could not be."""
    items: list[T] = []
    malformed = 0
    for raw in raws:
        try:
            items.append(msgspec.json.decode(raw, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError):
            malformed += 1
    return tuple(items), malformed


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, each to be read on its own. Raises InvalidAnswerError."""
    try:
        try:
            return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(_mended(body), type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise InvalidAnswerError(f"the answer is not a JSON object: {error}") from None


def _mended(body: bytes) -> bytes:
    """The same JSON with what cannot be written again replaced: no broken name or number costs a page."""
    text = body.decode("utf-8", "replace")
    content = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def _whole(digits: str) -> int:
    """A whole number; one that Python would not read is none of ours, and as bad as any that is wrong."""
    return int(digits) if len(digits) < LONGEST_NUMBER else -1


def _finite(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None
