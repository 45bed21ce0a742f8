"""Search the archive: the tutorial's "Select User", "All Users" and "Advanced Search"."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select, tuple_

from exporter.archive.criteria import Criteria
from exporter.archive.filters import conditions
from exporter.archive.schema import comments, tags
from exporter.archive.views import history, team_names

PAGE_SIZE = 500
"""Calls per query."""


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the tutorial lists it. Times are UNIX seconds, durations seconds."""

    id: int
    direction: str
    status: str
    """`initial`, `answered` or `done`."""
    outcome: str
    """`answered`, `missed`, `unanswered`, or `ai_agent` for calls that only an AI voice agent answered; empty
    for active calls."""
    missed_call_reason: str
    started_at: int
    answered_at: int | None
    ended_at: int | None
    left_menu_at: int | None
    """When the caller left the last menu or AI voice agent and began to wait for a person, if it is known."""
    time_to_answer: int | None
    waited: int | None
    """How long the caller waited for a person, until the answer or the end of a missed call."""
    talk_time: int | None
    duration: int | None
    """From start to end, ringing included."""
    user_id: int | None
    user: str
    number_id: int | None
    number: str
    caller: str
    assigned_to: str
    teams: tuple[str, ...]
    teams_inferred: bool
    """Whether the teams are inferred from the current ones, as the call began before the first start."""
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    recorded: bool
    voicemail: bool
    asset: str


_EMPTY = {
    name: func.coalesce(history.c[name], "") for name in ("outcome", "missed_call_reason", "caller", "asset")
}
_NAMED = {"user": history.c.user_name, "number": history.c.number_name}
_COLUMNS = [
    column.label(name)
    for name in CallResult.__struct_fields__
    if (column := {**history.c, **_EMPTY, **_NAMED}.get(name)) is not None
]
"""The columns of a result, by its fields; the other fields are lists."""


class FoundTotals(msgspec.Struct, frozen=True):
    """Totals of all calls that match. Active calls have no outcome yet."""

    calls: int
    inbound: int
    outbound: int
    answered: int
    missed: int
    unanswered: int
    ai_agent: int
    seconds_talked: int
    average_seconds_to_answer: float | None
    """Of answered inbound calls; None if there are none."""


class Position(NamedTuple):
    """The position of a call in the order of a search, newest first."""

    started_at: int
    id: int


Order = Literal["started", "wait", "talk", "duration"]
ORDERS: tuple[Order, ...] = get_args(Order)

_LONGEST = {"wait": history.c.waited, "talk": history.c.talk_time, "duration": history.c.duration}


def longest(connection: Connection, criteria: Criteria, order: Order, limit: int) -> Iterator[CallResult]:
    """Yield the `limit` calls that match with the longest wait, talk or duration, the longest first."""
    column = _LONGEST[order]
    matching = select(*_COLUMNS).where(*conditions(connection, criteria), column.is_not(None))
    matching = matching.order_by(column.desc(), history.c.started_at.desc(), history.c.id.desc())
    rows = connection.execute(matching.limit(limit)).all()
    for start in range(0, len(rows), PAGE_SIZE):
        yield from _found(connection, rows[start : start + PAGE_SIZE])


def call_by_id(connection: Connection, call_id: int) -> CallResult | None:
    """Return a call, or None if the archive does not have it."""
    rows = connection.execute(select(*_COLUMNS).where(history.c.id == call_id)).all()
    return next(_found(connection, rows), None)


def search(connection: Connection, criteria: Criteria) -> Iterator[CallResult]:
    """Yield the calls that match, newest first, page by page."""
    found = page(connection, criteria, PAGE_SIZE)
    while found:
        yield from found
        last = found[-1]
        full = len(found) == PAGE_SIZE
        found = page(connection, criteria, PAGE_SIZE, Position(last.started_at, last.id)) if full else []


def page(
    connection: Connection, criteria: Criteria, limit: int, after: Position | None = None
) -> list[CallResult]:
    """Return the `limit` newest calls that match, or those that follow `after` a position."""
    matching = select(*_COLUMNS).where(*conditions(connection, criteria))
    if after is not None:
        matching = matching.where(tuple_(history.c.started_at, history.c.id) < after)
    matching = matching.order_by(history.c.started_at.desc(), history.c.id.desc()).limit(limit)
    return list(_found(connection, connection.execute(matching).all()))


def totals(connection: Connection, criteria: Criteria) -> FoundTotals:
    """Return the totals of all calls that match."""
    answered = history.c.outcome == "answered"
    inbound = history.c.direction == "inbound"
    waited = and_(answered, inbound)
    sums = select(  # in the order of the fields
        func.count(),
        _count(inbound),
        _count(history.c.direction == "outbound"),
        _count(answered),
        _count(history.c.outcome == "missed"),
        _count(history.c.outcome == "unanswered"),
        _count(history.c.outcome == "ai_agent"),
        _sum(answered, history.c.talk_time),
        _sum(waited, history.c.time_to_answer),
        _count(waited),
    )
    found = connection.execute(sums.where(*conditions(connection, criteria))).one()
    *counts, waited_for, waits = map(int, found)  # PostgreSQL's sums are decimals
    fields = dict(zip(FoundTotals.__struct_fields__[:-1], counts, strict=True))
    return FoundTotals(**fields, average_seconds_to_answer=waited_for / waits if waits else None)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _sum(condition: ColumnElement[bool], seconds: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, seconds))), 0)


def _found(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[CallResult]:
    ids = [row.id for row in rows]
    in_teams, tagged, commented = (
        group_by_call(connection, texts.where(texts.selected_columns.call_id.in_(ids)))
        for texts in (
            select(team_names.c.call_id, team_names.c.name),
            select(tags.c.call_id, tags.c.name),
            select(comments.c.call_id, comments.c.content).order_by(comments.c.position),
        )
    )
    for row in rows:
        yield CallResult(
            **row._mapping,
            teams=tuple(sorted(in_teams.get(row.id, ()))),
            tags=tuple(sorted(tagged.get(row.id, ()))),
            comments=tuple(commented.get(row.id, ())),
        )


def group_by_call(connection: Connection, query: Select[Any]) -> dict[int, list[str]]:
    """Return the second column of the query's rows, by the first, which is a call id."""
    several: dict[int, list[str]] = {}
    for row in connection.execute(query):
        several.setdefault(row[0], []).append(row[1])
    return several
