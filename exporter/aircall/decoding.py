"""Decode responses object by object. Malformed objects are left out and counted."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from exporter.aircall.data_limits import MAX_LINK_LENGTH, MAX_PAGE_ITEMS, Limit, first, truncated
from exporter.aircall.models import Page, Ref

MAX_NUMBER_LENGTH = 400
"""Maximum number of digits of an integer."""

MAX_TOTAL = 10**12
"""A `meta.total` as large as this, or larger, is ignored: no list has as many objects."""

T = TypeVar("T")


class InvalidResponseError(Exception):
    """The response is not JSON, or not of the documented shape."""


class _Meta(msgspec.Struct):
    next_page_link: str | None = None
    total: Any = None


class ListAnswer(NamedTuple):
    """A page of a list whose objects are not decoded yet.

    `total` is the number of objects in the whole list, or None if the page has no `meta.total`. `exceeded` is
    how often each limit was exceeded.
    """

    raws: Sequence[msgspec.Raw]
    next_page_link: str | None
    total: int | None
    exceeded: Counter[Limit]


def decode_page(body: bytes, key: str, kind: type[T]) -> Page[T]:
    """Decode a page of a list, whose objects are in the field `key`. Raises InvalidResponseError."""
    raws, next_page_link, total, exceeded = decode_list(body, key)
    items, malformed = decode_objects(raws, kind)
    items = tuple(truncated(item, exceeded) for item in items)
    return Page(items, malformed, decode_ids(raws), next_page_link, total, exceeded)


def decode_list(body: bytes, key: str) -> ListAnswer:
    """Decode a page of a list up to its objects. Raises InvalidResponseError."""
    fields = decode_fields(body)
    try:
        raws = msgspec.json.decode(fields[key], type=list[msgspec.Raw])
        meta = msgspec.json.decode(fields["meta"], type=_Meta) if "meta" in fields else _Meta()
    except KeyError:
        raise InvalidResponseError(f"the answer has no list of {key}") from None
    except msgspec.DecodeError as error:
        raise InvalidResponseError(f"the list of {key} cannot be read: {error}") from None
    link = meta.next_page_link
    if link is not None and len(link) > MAX_LINK_LENGTH:
        raise InvalidResponseError(
            f"the next_page_link has {len(link)} characters, more than {MAX_LINK_LENGTH}"
        )
    exceeded: Counter[Limit] = Counter()
    accepted = first(raws, MAX_PAGE_ITEMS, "page_items", exceeded)
    return ListAnswer(accepted, link, _total(meta.total), exceeded)


def _total(total: Any) -> int | None:
    """Return a number of objects, which may be a text, or None if it is not one that a list can have."""
    if isinstance(total, str) and total.isascii() and total.isdigit() and len(total) < MAX_NUMBER_LENGTH:
        total = int(total)
    return total if type(total) is int and 0 <= total < MAX_TOTAL else None


def decode_ids(raws: Sequence[msgspec.Raw]) -> frozenset[int]:
    """Return the ids of all objects that have one."""
    refs, _ = decode_objects(raws, Ref)
    return frozenset(ref.id for ref in refs)


def decode_field(body: bytes, key: str) -> msgspec.Raw:
    """Return one field of a response, not decoded yet. Raises InvalidResponseError."""
    fields = decode_fields(body)
    if key not in fields:
        raise InvalidResponseError(f"the answer has no {key}")
    return fields[key]


def decode_object(body: bytes, key: str, kind: type[T]) -> T | None:
    """Decode a response with one object, or return None if that is malformed. Raises InvalidResponseError."""
    items, _ = decode_objects([decode_field(body, key)], kind)
    return items[0] if items else None


def decode_objects(raws: Any, kind: type[T]) -> tuple[tuple[T, ...], int]:
    """Decode objects one by one. Returns them, and the number of malformed ones."""
    items: list[T] = []
    malformed = 0
    for raw in raws:
        try:
            items.append(msgspec.json.decode(raw, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError):
            malformed += 1
    return tuple(items), malformed


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of a JSON object, not decoded yet. Raises InvalidResponseError."""
    try:
        try:
            return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(repaired(body), type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise InvalidResponseError(f"the answer is not a JSON object: {error}") from None


def repaired(body: bytes) -> bytes:
    """Return the JSON with NaN, invalid UTF-8 and huge numbers replaced, so that the rest can be decoded.

    Takes about 10 ms for 100 kB. Raises ValueError or RecursionError if the body is not JSON even then.
    """
    text = body.decode("utf-8", "replace")
    content = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def _whole(digits: str) -> int:
    """Parse an integer. Returns -1, an invalid value, for one with more digits than Python accepts."""
    return int(digits) if len(digits) < MAX_NUMBER_LENGTH else -1


def _finite(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None
