"""Convert criteria to the conditions of an SQL query."""

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from exporter.account.directory import SINGLE_USERS
from exporter.account.teams import group_label
from exporter.archive.criteria import Criteria
from exporter.archive.schema import calls, names, tags, teams
from exporter.archive.text_index import digits_only, normalize

_NARROWING = re.compile(r"[a-z0-9]{3}|\W[a-z0-9]{2}")
"""Texts that contain this use PostgreSQL's trigram index of the words.

For any other text, the planner would use the index too, but read all of it.
"""

NAME_AND_ID = names.c.name + " " + names.c.id
"""How the snapshot shows objects with the same name."""


def conditions(connection: Connection, criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the columns of `calls`. Names are looked up by `connection`."""
    yield calls.c.started_at.between(criteria.since, criteria.until)
    if criteria.users:
        yield _one_of(calls.c.user_id, _ids(connection, "user", criteria.users))
    if criteria.numbers:
        yield _one_of(calls.c.number_id, _ids(connection, "number", criteria.numbers))
    if criteria.teams:
        ids = _team_ids(connection, criteria.teams)
        yield calls.c.id.in_(select(teams.c.call_id).where(teams.c.team_id.in_(ids)))
    if criteria.directions:
        yield calls.c.direction.in_(criteria.directions)
    if criteria.assets:
        columns = {"recording": calls.c.recorded, "voicemail": calls.c.voicemail}
        yield or_(*(columns[asset] for asset in criteria.assets))
    if criteria.missed is not None:
        yield calls.c.outcome == "missed" if criteria.missed else calls.c.outcome != "missed"
    if criteria.reasons:
        yield calls.c.missed_call_reason.in_(criteria.reasons)
    length = calls.c.ended_at - calls.c.started_at
    if criteria.longer_than is not None:
        yield length > criteria.longer_than
    if criteria.shorter_than is not None:
        yield length < criteria.shorter_than
    if criteria.tags:
        yield calls.c.id.in_(select(tags.c.call_id).where(tags.c.name.in_(criteria.tags)))
    if criteria.callers:
        by_hash = calls.c.caller_hash.in_(criteria.caller_hashes)
        yield or_(*map(_is_caller, criteria.callers), *([by_hash] if criteria.caller_hashes else []))
    if criteria.texts:
        yield or_(*_has_text(connection, [normalize(text) for text in criteria.texts]))


def _one_of(column: ColumnElement[int | None], ids: Iterable[int]) -> ColumnElement[bool]:
    """Match one of the ids, written as literals: there may be more ids than a query may have parameters."""
    return column.in_(bindparam(None, sorted(ids), expanding=True, literal_execute=True))


def _ids(connection: Connection, kind: str, wanted: Sequence[str]) -> set[int]:
    """Return the ids of objects with one of these ids or names, or both, such as `Ada Lovelace 456001`."""
    numbers = {int(each) for each in wanted if re.fullmatch("[0-9]{1,19}", each)}
    return {int(id_) for id_ in _named(connection, kind, wanted)} | {id_ for id_ in numbers if id_ < 2**63}


def _team_ids(connection: Connection, wanted: Sequence[str]) -> set[str]:
    """Return the same for teams, "Single Users" and groups, whose ids are strings."""
    groups = {group_label(name).id for name in wanted}
    single = {SINGLE_USERS.id} if SINGLE_USERS.name in wanted else set()
    return {*_named(connection, "team", wanted), *wanted} | groups | single


def _named(connection: Connection, kind: str, wanted: Sequence[str]) -> Iterable[str]:
    """Return the ids of objects of this kind with one of these names, alone or followed by the id."""
    called = or_(names.c.name.in_(wanted), NAME_AND_ID.in_(wanted))
    return connection.scalars(select(names.c.id).where(names.c.kind == kind, called))


def _is_caller(wanted: str) -> ColumnElement[bool]:
    number = digits_only(wanted)
    found = calls.c.caller_digits.contains(number) if number else calls.c.caller == wanted
    text = number or normalize(wanted)
    return and_(found, _contains(text)) if _NARROWING.search(text) else found


def _has_text(connection: Connection, texts: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    yield from map(_contains, texts)
    named = connection.execute(select(names).where(names.c.kind.in_(("user", "number")))).all()
    found = [row for row in named if any(text in normalize(row.name) for text in texts)]
    for kind, column in (("user", calls.c.user_id), ("number", calls.c.number_id)):
        yield _one_of(column, (int(row.id) for row in found if row.kind == kind))


def _contains(text: str) -> ColumnElement[bool]:
    """Match calls whose words contain a normalised text."""
    searched = calls.c.words if _NARROWING.search(text) else calls.c.words + ""
    return searched.contains(text, autoescape=True)
