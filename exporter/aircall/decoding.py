"""Answers as Aircall's objects, decoded one by one.

An object that cannot be read is left out and counted, and costs nothing but itself.
"""

import json
import math
import sys
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from exporter.aircall.objects import Call, CallDetails, Comment, Page, ReadCall, Ref, Tag

LONGEST_NUMBER = 400
"""Digits of a whole number."""

LONGEST_REASON = 100
"""Letters of the reason for which a call was missed: it becomes a label, and part of a key."""

T = TypeVar("T")


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
        calls, _ = decode_objects([raw], Call)
        if calls:
            items.append(ReadCall(_sharing(calls[0]), _details(raw)))
    return Page(tuple(items), len(raws) - len(items), _ids(raws), next_page_link)


def _details(raw: msgspec.Raw) -> CallDetails:
    """A call's details; where one of them is odd, each that can be read by itself."""
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
    """The same call, holding in common with all others what many have: tens of thousands are kept."""
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
