"""Decode calls. If a field of a call is malformed, the other fields are still used."""

import sys
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec.structs import replace

from exporter.aircall.call_times import impossible_times, without_times
from exporter.aircall.data_limits import MAX_COMMENTS, MAX_TAG_LENGTH, MAX_TAGS, Limit, first, truncated
from exporter.aircall.decoding import decode_field, decode_fields, decode_ids, decode_list, decode_objects
from exporter.aircall.menu_decoding import decode_menus
from exporter.aircall.models import (
    Call,
    CallDetails,
    CallWithDetails,
    Comment,
    Direction,
    Page,
    Ref,
    Tag,
)
from exporter.aircall.times import Timestamp

_OPTIONAL: dict[str, Any] = {
    "answered_at": Timestamp | None,
    "ended_at": Timestamp | None,
    "user": Ref | None,
    "number": Ref | None,
    "raw_digits": str | None,
    "missed_call_reason": str | None,
}
"""The optional fields of a call. A call with a malformed id, direction, status or start is not used."""

T = TypeVar("T")


class _InProgress(msgspec.Struct):
    """Fields that are read for active calls only."""

    teams: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=1000)] | None = None
    external_transferred_to: Any = None


def decode_calls(body: bytes) -> Page[CallWithDetails]:
    """Decode a list of calls with their details. Raises InvalidResponseError."""
    listed = decode_list(body, "calls")
    return decode_call_items(listed.raws, listed.next_page_link, listed.exceeded)


def decode_call(body: bytes) -> Page[CallWithDetails]:
    """Decode a single call as a page of one, or an empty page if it is malformed.

    Raises InvalidResponseError.
    """
    return decode_call_items([decode_field(body, "call")])


def decode_call_items(
    raws: Sequence[msgspec.Raw],
    next_page_link: str | None = None,
    exceeded: Counter[Limit] | None = None,
) -> Page[CallWithDetails]:
    """Decode calls with their details; count exceeded limits in `exceeded`.

    Malformed calls are left out and counted. Calls with an unknown direction are left out and listed.
    """
    items: list[CallWithDetails] = []
    ignored: list[int] = []
    exceeded = Counter() if exceeded is None else exceeded
    for raw in raws:
        read = _read(raw)
        if isinstance(read, CallWithDetails):
            items.append(_bounded(read, exceeded))
        elif read is not None:
            ignored.append(read)
    malformed = len(raws) - len(items) - len(ignored)
    return Page(tuple(items), malformed, decode_ids(raws), next_page_link, None, exceeded, frozenset(ignored))


def _bounded(read: CallWithDetails, exceeded: Counter[Limit]) -> CallWithDetails:
    """Return the call, cut to the limits of `exporter.aircall.data_limits`."""
    details = truncated(read.details, exceeded)
    tags = first(details.tags or (), MAX_TAGS, "tags", exceeded)
    comments = first(details.comments or (), MAX_COMMENTS, "comments", exceeded)
    assignee = details.assigned_to_id
    details = replace(
        details,
        tags=details.tags and tuple(truncated(tag, exceeded, MAX_TAG_LENGTH) for tag in tags),
        comments=details.comments and tuple(truncated(comment, exceeded) for comment in comments),
        assigned_to=None if assignee is None else {"id": assignee},
    )
    steps = tuple(truncated(step, exceeded) for step in read.menu_steps)
    return read._replace(call=_intern_call(truncated(read.call, exceeded)), details=details, menu_steps=steps)


def _read(raw: msgspec.Raw) -> CallWithDetails | int | None:
    """Decode a call. Returns its id if its direction is unknown, and None if it is malformed."""
    calls, _ = decode_objects([raw], Call)
    if calls:
        return _with_rest(calls[0], raw)
    fields, _ = decode_objects([raw], dict[str, msgspec.Raw])
    if not fields:
        return None
    unread = [name for name, kind in _OPTIONAL.items() if not _readable(fields[0].get(name), kind)]
    known_direction = "direction" in fields[0] and _readable(fields[0]["direction"], Direction)
    rest = {name: value for name, value in fields[0].items() if name not in unread}
    if not known_direction:
        rest["direction"] = msgspec.Raw(b'"inbound"')
    calls, _ = decode_objects([msgspec.json.encode(rest)], Call)
    if not calls:
        return None
    return _with_rest(calls[0], raw, frozenset(unread)) if known_direction else calls[0].id


def _with_rest(call: Call, raw: msgspec.Raw, unread: frozenset[str] = frozenset()) -> CallWithDetails:
    unread |= impossible_times(call)
    menus = decode_menus(raw, call)
    call = replace(without_times(call, unread), menus=menus.times)
    if call.phase == "done":
        return CallWithDetails(
            call, _details(raw), unread, has_timeline=menus.has_timeline, menu_steps=menus.steps
        )
    parts, _ = decode_objects([raw], _InProgress)
    part = parts[0] if parts else _InProgress()
    team_ids = frozenset(team.id for team in decode_objects(part.teams or (), Ref)[0])
    outside = part.external_transferred_to not in (None, "", False)
    return CallWithDetails(call, _details(raw), unread, team_ids, outside, menus.has_timeline, menus.steps)


def _readable(field: msgspec.Raw | None, kind: Any) -> bool:
    return field is None or bool(decode_objects([field], kind)[0])


def _details(raw: msgspec.Raw) -> CallDetails:
    """Decode a call's details, one by one if any of them is malformed."""
    whole, _ = decode_objects([raw], CallDetails)
    if whole:
        return whole[0]
    fields = decode_fields(bytes(raw))

    def one(name: str, kind: type[T]) -> T | None:
        read, _ = decode_objects([fields[name]] if name in fields else [], kind)
        return read[0] if read else None

    def some(name: str, kind: type[T]) -> tuple[T, ...]:
        return decode_objects(one(name, list[msgspec.Raw]) or [], kind)[0]

    return CallDetails(
        tags=some("tags", Tag),
        comments=some("comments", Comment),
        asset=one("asset", str),
        recording=one("recording", str),
        voicemail=one("voicemail", str),
        assigned_to=one("assigned_to", Any),
        archived=one("archived", bool),
    )


def _intern_call(call: Call) -> Call:
    """Return the call with equal parts shared among calls, because tens of thousands are in memory."""
    return replace(
        call,
        status=sys.intern(call.status),
        started_at=_interned(call.started_at),
        answered_at=_interned(call.answered_at),
        ended_at=_interned(call.ended_at),
        missed_call_reason=call.missed_call_reason and sys.intern(call.missed_call_reason),
        user=_interned(call.user),
        number=_interned(call.number),
    )


@lru_cache(maxsize=2**12)
def _interned(value: T) -> T:
    """Return the same object for equal recent values: calls fetched together have many in common."""
    return value
