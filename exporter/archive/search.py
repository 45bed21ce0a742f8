"""Search the archive: the tutorial's "Select User", "All Users" and "Advanced Search"."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select, tuple_

from exporter.account.directory import SINGLE_USERS
from exporter.account.teams import GROUP_PREFIX
from exporter.archive.criteria import Criteria
from exporter.archive.filters import conditions
from exporter.archive.schema import calls, comments, names, tags, teams

PAGE_SIZE = 500
"""Calls per query."""


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the tutorial lists it. Times are UNIX seconds, durations seconds."""

    id: int
    direction: str
    status: str
    """`initial`, `answered` or `done`."""
    outcome: str
    """`answered`, `missed` or `unanswered`; empty for active calls."""
    missed_call_reason: str
    started_at: int
    answered_at: int | None
    ended_at: int | None
    time_to_answer: int | None
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
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    recorded: bool
    voicemail: bool
    asset: str


class FoundTotals(msgspec.Struct, frozen=True):
    """Totals of all calls that match. Active calls have no outcome yet."""

    calls: int
    inbound: int
    outbound: int
    answered: int
    missed: int
    unanswered: int
    seconds_talked: int
    average_seconds_to_answer: float | None
    """Of answered inbound calls; None if there are none."""


class Position(NamedTuple):
    """The position of a call in the order of a search, newest first."""

    started_at: int
    id: int


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
    matching = select(calls).where(*conditions(connection, criteria))
    if after is not None:
        matching = matching.where(tuple_(calls.c.started_at, calls.c.id) < after)
    matching = matching.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(limit)
    return list(_found(connection, connection.execute(matching).all()))


def totals(connection: Connection, criteria: Criteria) -> FoundTotals:
    """Return the totals of all calls that match."""
    answered = calls.c.outcome == "answered"
    inbound = calls.c.direction == "inbound"
    waited = and_(answered, inbound)
    sums = select(
        func.count().label("calls"),
        _count(inbound).label("inbound"),
        _count(calls.c.direction == "outbound").label("outbound"),
        _count(answered).label("answered"),
        _count(calls.c.outcome == "missed").label("missed"),
        _count(calls.c.outcome == "unanswered").label("unanswered"),
        _seconds(answered, calls.c.answered_at, calls.c.ended_at).label("seconds_talked"),
        _count(waited).label("waits"),
        _seconds(waited, calls.c.started_at, calls.c.answered_at).label("seconds_waited"),
    )
    row = connection.execute(sums.where(*conditions(connection, criteria))).one()
    return FoundTotals(
        calls=row.calls,
        inbound=row.inbound,
        outbound=row.outbound,
        answered=row.answered,
        missed=row.missed,
        unanswered=row.unanswered,
        seconds_talked=int(row.seconds_talked),  # PostgreSQL's sums are decimals
        average_seconds_to_answer=int(row.seconds_waited) / row.waits if row.waits else None,
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _seconds(
    condition: ColumnElement[bool], since: ColumnElement[int | None], until: ColumnElement[int | None]
) -> ColumnElement[int]:
    """Return the sum of the seconds from `since` to `until`, without negative ones."""
    return func.coalesce(func.sum(case((and_(condition, until > since), until - since))), 0)


def _found(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[CallResult]:
    ids = [row.id for row in rows]
    tagged = group_by_call(connection, select(tags.c.call_id, tags.c.name).where(tags.c.call_id.in_(ids)))
    texts = select(comments.c.call_id, comments.c.content).where(comments.c.call_id.in_(ids))
    commented = group_by_call(connection, texts.order_by(comments.c.position))
    counted = group_by_call(
        connection, select(teams.c.call_id, teams.c.team_id).where(teams.c.call_id.in_(ids))
    )
    named = {(row.kind, row.id): row.name for row in connection.execute(select(names))} if rows else {}
    for row in rows:
        answered_at, ended_at = row.answered_at, row.ended_at
        yield CallResult(
            id=row.id,
            direction=row.direction,
            status=row.status,
            outcome=row.outcome or "",
            missed_call_reason=row.missed_call_reason or "",
            started_at=row.started_at,
            answered_at=answered_at,
            ended_at=ended_at,
            time_to_answer=None if answered_at is None else max(0, answered_at - row.started_at),
            talk_time=None if None in (answered_at, ended_at) else max(0, ended_at - answered_at),
            duration=None if ended_at is None else max(0, ended_at - row.started_at),
            user_id=row.user_id,
            user=_name(named, "user", row.user_id),
            number_id=row.number_id,
            number=_name(named, "number", row.number_id),
            caller=row.caller or "",
            assigned_to=_name(named, "user", row.assigned_to_id),
            teams=tuple(sorted(_team_name(named, team_id) for team_id in counted.get(row.id, ()))),
            tags=tuple(sorted(tagged.get(row.id, ()))),
            comments=tuple(commented.get(row.id, ())),
            recorded=row.recorded,
            voicemail=row.voicemail,
            asset=row.asset or "",
        )


def group_by_call(connection: Connection, query: Select[Any]) -> dict[int, list[str]]:
    """Return the second column of the query's rows, by the first, which is a call id."""
    several: dict[int, list[str]] = {}
    for row in connection.execute(query):
        several.setdefault(row[0], []).append(row[1])
    return several


def _name(named: Mapping[tuple[str, str], str], kind: str, id_: int | None) -> str:
    return "" if id_ is None else named.get((kind, str(id_)), f"{kind} {id_}")


def _team_name(named: Mapping[tuple[str, str], str], team_id: str) -> str:
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS.name
    if team_id.startswith(GROUP_PREFIX):
        return team_id.removeprefix(GROUP_PREFIX)
    return named.get(("team", team_id), f"team {team_id}")
