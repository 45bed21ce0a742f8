"""Parse the query of a search: criteria, page size and cursor."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from exporter.archive.criteria import PARAMETERS, Criteria, CriterionError
from exporter.archive.parsing import parse_criteria, reject_unknown
from exporter.archive.search import FoundTotals, Position
from exporter.text import truncate

PATH = "/api/v1/calls"

DEFAULT_LIMIT = 100
HIGHEST_LIMIT = 1000
"""Calls on a page."""

LIMIT, CURSOR = "limit", "cursor"
"""Parameters that are not criteria."""

_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last call of a page, and the totals, which are counted only for the first page."""

    started_at: _Whole
    id: _Whole
    totals: FoundTotals

    @property
    def place(self) -> Position:
        """The position of the last call of the page."""
        return Position(self.started_at, self.id)


@dataclass(frozen=True)
class Query:
    """A parsed query. `texts` are the criteria as the client wrote them."""

    criteria: Criteria
    limit: int
    cursor: Cursor | None
    texts: Mapping[str, Sequence[str]]

    def next(self, cursor: Cursor) -> str:
        """Return the path of the page after a cursor, with this page's period as absolute times."""
        period = {"from": self.criteria.since, "to": self.criteria.until}
        paging = {LIMIT: self.limit, CURSOR: _text(cursor)}
        return f"{PATH}?{urlencode({**self.texts, **period, **paging}, doseq=True)}"


def grouped(items: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of a query by name."""
    given: dict[str, list[str]] = {}
    for name, value in items:
        given.setdefault(name, []).append(value)
    return given


def read_query(items: Iterable[tuple[str, str]], now: float) -> Query:
    """Parse a query's names and values. Raises CriterionError."""
    given = grouped(items)
    reject_unknown(given, [*(parameter.name for parameter in PARAMETERS), LIMIT, CURSOR])
    limit, cursor = page_limit(given), _once(given, CURSOR)
    return Query(
        parse_criteria(given, now, UTC),
        limit,
        None if cursor is None else _cursor(cursor),
        given,
    )


def page_limit(given: dict[str, list[str]]) -> int:
    """Remove and return how many objects a page has. Raises CriterionError."""
    limit = _once(given, LIMIT)
    return DEFAULT_LIMIT if limit is None else _limit(limit)


def _once(given: dict[str, list[str]], name: str) -> str | None:
    values = given.pop(name, [])
    if len(values) > 1:
        raise CriterionError(name, f"found {len(values)} times, expected once")
    return values[0] if values else None


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= HIGHEST_LIMIT):
        raise CriterionError(LIMIT, f"found {truncate(text)}, expected 1 to {HIGHEST_LIMIT}")
    return int(text)


def _text(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _cursor(text: str) -> Cursor:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.msgpack.decode(raw, type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise CriterionError(CURSOR, f"found {truncate(text)}, expected one from an answer's next") from None
