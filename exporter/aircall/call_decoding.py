"""Decode calls. A part of a call that cannot be read costs that part only."""

import sys
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from exporter.aircall.decoding import decode_field, decode_fields, decode_ids, decode_list, decode_objects
from exporter.aircall.objects import Call, CallDetails, Comment, Page, ReadCall, Ref, Tag

LONGEST_REASON = 100
"""Characters of a missed-call reason: it becomes a label, and part of a key."""

_OPTIONAL: dict[str, Any] = {
    "user": Ref | None,
    "number": Ref | None,
    "raw_digits": str | None,
    "missed_call_reason": str | None,
}
"""The parts that a call can do without. Its id, direction, status and times are not among them."""

T = TypeVar("T")


class _CallTeams(msgspec.Struct):
    teams: tuple[Ref, ...] | None = None


def decode_calls(body: bytes) -> Page[ReadCall]:
    """Decode a list of calls with their details. Raises InvalidAnswerError."""
    listed = decode_list(body, "calls")
    return decode_calls_of(listed.raws, listed.next_page_link)


def decode_call(body: bytes) -> Page[ReadCall]:
    """Decode a single call as a page of one, or of none if it is unreadable. Raises InvalidAnswerError."""
    return decode_calls_of([decode_field(body, "call")])


def decode_calls_of(raws: list[msgspec.Raw], next_page_link: str | None = None) -> Page[ReadCall]:
    """Decode calls with their details; count those that cannot be read, and leave them out."""
    items = [read for raw in raws if (read := _read(raw)) is not None]
    return Page(tuple(items), len(raws) - len(items), decode_ids(raws), next_page_link)


def _read(raw: msgspec.Raw) -> ReadCall | None:
    """Decode a call; return None if it cannot be read."""
    calls, _ = decode_objects([raw], Call)
    if calls:
        return _with_details(calls[0], raw)
    fields, _ = decode_objects([raw], dict[str, msgspec.Raw])
    if not fields:
        return None
    unread = [name for name, kind in _OPTIONAL.items() if not _readable(fields[0].get(name), kind)]
    rest = {name: value for name, value in fields[0].items() if name not in unread}
    calls, _ = decode_objects([msgspec.json.encode(rest)], Call)
    return _with_details(calls[0], raw, frozenset(unread)) if calls else None


def _with_details(call: Call, raw: msgspec.Raw, unread: frozenset[str] = frozenset()) -> ReadCall:
    teams = () if call.phase == "done" else decode_objects([raw], _CallTeams)[0]
    team_ids = frozenset(team.id for each in teams for team in each.teams or ())
    return ReadCall(_sharing(call), _details(raw), unread, team_ids)


def _readable(field: msgspec.Raw | None, kind: Any) -> bool:
    return field is None or bool(decode_objects([field], kind)[0])


def _details(raw: msgspec.Raw) -> CallDetails:
    """Decode a call's details; if one of them cannot be read, the others one by one."""
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
    )


def _sharing(call: Call) -> Call:
    """Return the same call, sharing equal parts with other calls: tens of thousands are kept."""
    return msgspec.structs.replace(
        call,
        status=sys.intern(call.status),
        started_at=_shared(call.started_at),
        answered_at=_shared(call.answered_at),
        ended_at=_shared(call.ended_at),
        missed_call_reason=call.missed_call_reason and sys.intern(call.missed_call_reason[:LONGEST_REASON]),
        user=_shared(call.user),
        number=_shared(call.number),
    )


@lru_cache(maxsize=2**12)
def _shared(value: T) -> T:
    """Return one object for all equal ones read of late: calls read together began and ended together."""
    return value
