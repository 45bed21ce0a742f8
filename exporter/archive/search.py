"""Searching the archive: the tutorial's "Select User", "All Users" and "Advanced Search".

Criteria are AND-ed, the options within one criterion OR-ed, and one that is left out does not count; only
the period is mandatory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, cast, exists, func, or_, select
from sqlalchemy.types import Text

from exporter.archive.schema import calls, comments, names, tags, teams

PAGE = 500
"""Calls that are read from the database at a time."""


@dataclass(frozen=True)
class Criteria:
    """What is searched for. Times are UNIX seconds, lengths seconds; people and numbers are ids or names."""

    since: int
    until: int
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    """`recording`, `voicemail`."""
    missed: bool | None = None
    reasons: tuple[str, ...] = ()
    longer_than: int | None = None
    shorter_than: int | None = None
    tags: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    """Digits of the number, however it is written, or `anonymous`."""
    texts: tuple[str, ...] = ()
    """Found anywhere: caller, user, number, reason, tags, comments."""


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call as the tutorial lists it. Times are UNIX seconds, lengths seconds, none where there is none."""

    id: int
    started_at: int
    direction: str
    outcome: str
    user: str
    number: str
    caller: str
    time_to_answer: int | None
    talk_time: int | None
    duration: int | None
    missed_call_reason: str
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    recorded: bool
    voicemail: bool
    asset: str


def search(connection: Connection, criteria: Criteria) -> Iterator[FoundCall]:
    """The calls that match, newest first, read page by page."""
    matching = select(calls).where(*_conditions(connection, criteria))
    matching = matching.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(PAGE)
    page = connection.execute(matching).all()
    while page:
        yield from _found(connection, page)
        last = page[-1]
        earlier = or_(
            calls.c.started_at < last.started_at,
            and_(calls.c.started_at == last.started_at, calls.c.id < last.id),
        )
        page = connection.execute(matching.where(earlier)).all() if len(page) == PAGE else []


def _conditions(connection: Connection, criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    yield calls.c.started_at.between(criteria.since, criteria.until)
    if criteria.users:
        yield calls.c.user_id.in_(map(int, _ids(connection, "user", criteria.users)))
    if criteria.numbers:
        yield calls.c.number_id.in_(map(int, _ids(connection, "number", criteria.numbers)))
    if criteria.teams:
        ids = _ids(connection, "team", criteria.teams)
        yield exists().where(teams.c.call_id == calls.c.id, teams.c.team_id.in_(ids))
    if criteria.directions:
        yield calls.c.direction.in_(criteria.directions)
    if criteria.assets:
        columns = {"recording": calls.c.recorded, "voicemail": calls.c.voicemail}
        yield or_(*(columns[asset] for asset in criteria.assets))
    if criteria.missed is not None:
        yield (calls.c.outcome == "missed") == criteria.missed
    if criteria.reasons:
        yield calls.c.missed_call_reason.in_(criteria.reasons)
    length = calls.c.ended_at - calls.c.started_at
    if criteria.longer_than is not None:
        yield length > criteria.longer_than
    if criteria.shorter_than is not None:
        yield length < criteria.shorter_than
    if criteria.tags:
        yield exists().where(tags.c.call_id == calls.c.id, tags.c.name.in_(criteria.tags))
    if criteria.callers:
        yield or_(*map(_is_caller, criteria.callers))
    if criteria.texts:
        yield or_(*map(_has_text, criteria.texts))


def _ids(connection: Connection, kind: str, wanted: Iterable[str]) -> list[str]:
    """The ids of everybody of this kind who has one of these ids or names."""
    listed = list(wanted)
    found = select(names.c.id).where(
        names.c.kind == kind, or_(names.c.name.in_(listed), names.c.id.in_(listed))
    )
    return list(connection.scalars(found))


def _is_caller(wanted: str) -> ColumnElement[bool]:
    digits = "".join(sign for sign in wanted if sign.isdecimal() and sign.isascii())
    return calls.c.caller_digits.contains(digits) if digits else calls.c.caller == wanted


def _has_text(text: str) -> ColumnElement[bool]:
    def named(kind: str, column: ColumnElement[int | None]) -> ColumnElement[bool]:
        found = names.c.name.icontains(text, autoescape=True)
        return exists().where(names.c.kind == kind, names.c.id == cast(column, Text), found)

    return or_(
        calls.c.caller.icontains(text, autoescape=True),
        func.coalesce(calls.c.missed_call_reason, "").icontains(text, autoescape=True),
        exists().where(tags.c.call_id == calls.c.id, tags.c.name.icontains(text, autoescape=True)),
        exists().where(comments.c.call_id == calls.c.id, comments.c.content.icontains(text, autoescape=True)),
        named("user", calls.c.user_id),
        named("number", calls.c.number_id),
    )


def _found(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[FoundCall]:
    ids = [row.id for row in rows]
    tagged = _several(connection, select(tags.c.call_id, tags.c.name).where(tags.c.call_id.in_(ids)))
    told = select(comments.c.call_id, comments.c.content).where(comments.c.call_id.in_(ids))
    commented = _several(connection, told.order_by(comments.c.position))
    named = {(row.kind, row.id): row.name for row in connection.execute(select(names))}
    for row in rows:
        yield FoundCall(
            id=row.id,
            started_at=row.started_at,
            direction=row.direction,
            outcome=row.outcome or row.status,
            user=_name(named, "user", row.user_id),
            number=_name(named, "number", row.number_id),
            caller=row.caller or "",
            time_to_answer=None if row.answered_at is None else row.answered_at - row.started_at,
            talk_time=None if None in (row.answered_at, row.ended_at) else row.ended_at - row.answered_at,
            duration=None if row.ended_at is None else row.ended_at - row.started_at,
            missed_call_reason=row.missed_call_reason or "",
            tags=tuple(sorted(tagged.get(row.id, ()))),
            comments=tuple(commented.get(row.id, ())),
            recorded=row.recorded,
            voicemail=row.voicemail,
            asset=row.asset or "",
        )


def _several(connection: Connection, query: Select[Any]) -> dict[int, list[str]]:
    several: dict[int, list[str]] = {}
    for row in connection.execute(query):
        several.setdefault(row[0], []).append(row[1])
    return several


def _name(named: dict[tuple[str, str], str], kind: str, id_: int | None) -> str:
    return "" if id_ is None else named.get((kind, str(id_)), f"{kind} {id_}")
