"""Decode webhook events: each is about a call, a user or a number, and arrives in the body of a POST.

Aircall delivers events at least once and in any order. Older webhooks omit the `.v2` in the names of user
events (API reference, "Webhooks").
"""

import math
import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from exporter.aircall.call_decoding import decode_call_items
from exporter.aircall.decoding import decode_fields, decode_objects
from exporter.aircall.models import CallWithDetails, Id, Number

CALL_EVENTS = (
    "call.created",
    "call.ivr_option_selected",
    "call.ringing_on_agent",
    "call.agent_declined",
    "call.answered",
    "call.transferred",
    "call.external_transferred",
    "call.unsuccessful_transfer",
    "call.hold",
    "call.unhold",
    "call.hungup",
    "call.ended",
    "call.voicemail_left",
    "call.assigned",
    "call.archived",
    "call.tagged",
    "call.untagged",
    "call.commented",
)
"""Events about calls, in the order in which they may occur within a second."""

USER_EVENTS = (
    "user.created",
    "user.deleted",
    "user.connected",
    "user.opened",
    "user.wut_start",
    "user.wut_end",
    "user.closed",
    "user.disconnected",
)

NUMBER_EVENTS = ("number.created", "number.deleted", "number.closed", "number.opened")

AI_AGENT_EVENTS = ("ai_voice_agent.started", "ai_voice_agent.escalated", "ai_voice_agent.ended")
"""Events about the conversation of a caller with an AI voice agent, which may pass the call on to users."""

EVENTS = (*CALL_EVENTS, *USER_EVENTS, *NUMBER_EVENTS, *AI_AGENT_EVENTS)
"""The events that the exporter uses."""

OTHER_EVENTS = (
    "action_item.created",
    "ai_voice_agent.summary",
    "analytics.report_created",
    "analytics.report_failed",
    "call.comm_assets_generated",
    "call_evaluation.created",
    "call_evaluation.updated",
    "contact.created",
    "contact.deleted",
    "contact.updated",
    "custom_summary.result_created",
    "custom_summary.result_updated",
    "group_message.received",
    "group_message.sent",
    "group_message.status_updated",
    "integration.deleted",
    "message.received",
    "message.sent",
    "message.status_updated",
    "playbook_result.created",
    "playbook_result.updated",
    "realtime_transcription.utterances_received",
    "sentiment.created",
    "summary.created",
    "topics.created",
    "transcription.created",
)
"""The other events of the API reference. They are counted by name and have no effect.

With the names of user events that end in `.v2`, the reference lists 67 events.
"""

UNKNOWN_EVENT = "other"
"""The name for events without a valid name."""

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,59}")
"""Valid names: they are labels of a metric, also those that the API reference does not list yet."""

T = TypeVar("T")


class UserEventData(msgspec.Struct, frozen=True):
    """The fields of a user in an event."""

    id: Id
    available: bool | None = None
    substatus: str | None = None


class AiAgentEventData(msgspec.Struct, frozen=True):
    """The fields of the conversation with an AI voice agent in an event. `id` is the id of the call."""

    id: Id


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its name, its time (UNIX seconds, Aircall's clock), and its object: a call, for example.

    All objects are None if the exporter does not use the event. `ignored` is the id of a call whose direction
    is unknown.
    """

    name: str
    at: float
    call: CallWithDetails | None = None
    user: UserEventData | None = None
    number: Number | None = None
    ignored: int | None = None
    ai_agent: AiAgentEventData | None = None


_OBJECTS: tuple[tuple[tuple[str, ...], str, type[Any]], ...] = (
    (USER_EVENTS, "user", UserEventData),
    (NUMBER_EVENTS, "number", Number),
    (AI_AGENT_EVENTS, "ai_agent", AiAgentEventData),
)
"""The events about other objects than calls: their names, the field of `Event`, and the kind of object."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a POST according to its body, of which only the token is decoded.

    `tokens` are the possible tokens: one, or more if the body is not valid JSON. `broken` is whether it is
    not and has to be repaired before it can be decoded.
    """

    tokens: tuple[str, ...]
    broken: bool = False


class _Claim(msgspec.Struct):
    token: msgspec.Raw = msgspec.Raw(b"null")


MAX_CLAIMS = 16
"""Maximum number of places in a broken body where its token is searched."""

_CLAIM = re.compile(rb'"token"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}("(?:[^"\\]|\\.){0,1024}")')


def sender_of(body: bytes) -> Sender:
    """Read the token of a body from an unknown sender, in linear time (at most 1 ms for 128 kB).

    JSON with NaN, invalid UTF-8 or huge numbers is accepted from Aircall, but repairing it is expensive. So
    in such a body the token is only searched for.
    """
    try:
        claim = msgspec.json.decode(body, type=_Claim).token
    except RecursionError:
        return Sender(())
    except (msgspec.DecodeError, UnicodeDecodeError):
        claims: list[str | None] = []
        at = body.find(b'"token"')
        while at >= 0 and len(claims) < MAX_CLAIMS:
            found = _CLAIM.match(body, at)
            claims.append(_text(found[1]) if found else None)
            at = body.find(b'"token"', at + 1)
        return Sender(tuple(token for token in claims if token is not None), broken=True)
    token = _text(claim)
    return Sender(() if token is None else (token,))


def _text(raw: msgspec.Raw | bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Delivery:
    """The body of a POST, decoded as far as necessary to see its sender."""

    __slots__ = ("_fields", "name", "token")

    def __init__(self, body: bytes) -> None:
        """Decode the token and the name. Raises InvalidResponseError if `body` is not a JSON object."""
        self._fields = decode_fields(body)
        self.token = self._read("token", str) or ""
        name = (self._read("event", str) or "").removesuffix(".v2")
        self.name = name if _NAME.fullmatch(name) else UNKNOWN_EVENT

    @property
    def is_used(self) -> bool:
        """Whether the exporter uses events of this name."""
        return self.name in EVENTS

    @property
    def dedup_key(self) -> int:
        """A hash by which this process recognises the event when it is sent again."""
        return hash(tuple(bytes(self._fields.get(key, b"")) for key in ("event", "timestamp", "data")))

    def event(self) -> Event | None:
        """Return the event, or None if its time or object is malformed."""
        at = self._read("timestamp", float)
        if at is None or not 0 <= at < math.inf:
            return None
        if at > 10**11:  # the reference does not name the unit, and in other places it is milliseconds
            at /= 1000
        data = [self._fields.get("data", msgspec.Raw(b"null"))]
        if self.name in CALL_EVENTS:
            page = decode_call_items(data)
            if page.ignored:
                return Event(self.name, at, ignored=next(iter(page.ignored)))
            return Event(self.name, at, call=page.items[0]) if page.items else None
        for names, field, kind in _OBJECTS:
            if self.name in names:
                objects, _ = decode_objects(data, kind)
                return Event(self.name, at, **{field: objects[0]}) if objects else None
        return Event(self.name, at)

    def _read(self, key: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode(self._fields.get(key, b"null"), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
