"""Convert criteria to the conditions of an SQL query."""

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, or_, select, tuple_

from exporter.archive.call_backs import is_answered
from exporter.archive.criteria import Criteria
from exporter.archive.schema import calls, names, steps, tags, teams
from exporter.archive.text_index import digits_only, normalize
from exporter.archive.views import call_names, history

_NARROWING = re.compile(r"[a-z0-9]{3}|\W[a-z0-9]{2}")
"""Texts that contain this use PostgreSQL's trigram index of the words.

For any other text, the planner would use the index too, but read all of it.
"""


def conditions(connection: Connection, criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the columns of `history`. Names are looked up by `connection`."""
    yield history.c.started_at.between(criteria.since, criteria.until)
    if criteria.users:
        yield _one_of(history.c.user_id, ids_of(connection, "user", criteria.users))
    if criteria.rang:
        yield _rang_on(ids_of(connection, "user", criteria.rang))
    if criteria.numbers:
        yield _one_of(history.c.number_id, ids_of(connection, "number", criteria.numbers))
    if criteria.teams:
        ids = {*ids_called(connection, "team", criteria.teams), *criteria.teams}
        yield history.c.id.in_(select(teams.c.call_id).where(teams.c.team_id.in_(ids)))
    if criteria.directions:
        yield history.c.direction.in_(criteria.directions)
    if criteria.assets:
        columns = {"recording": history.c.recorded, "voicemail": history.c.voicemail}
        yield or_(*(columns[asset] for asset in criteria.assets))
    yield from _of_outcome(criteria)
    if criteria.reasons:
        yield history.c.missed_call_reason.in_(criteria.reasons)
    if criteria.longer_than is not None:
        yield history.c.duration > criteria.longer_than
    if criteria.shorter_than is not None:
        yield history.c.duration < criteria.shorter_than
    if criteria.tags:
        yield history.c.id.in_(select(tags.c.call_id).where(tags.c.name.in_(criteria.tags)))
    if criteria.callers:
        by_hash = history.c.caller_hash.in_(criteria.caller_hashes)
        yield or_(*map(_is_caller, criteria.callers), *([by_hash] if criteria.caller_hashes else []))
    if criteria.texts:
        yield or_(*_has_text(connection, [normalize(text) for text in criteria.texts]))


def _of_outcome(criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    outcome, unanswered = history.c.outcome, ("missed", "unanswered")
    if criteria.missed is not None:
        yield outcome == "missed" if criteria.missed else outcome != "missed"
    if criteria.unanswered is not None:
        yield outcome.in_(unanswered) if criteria.unanswered else outcome.not_in(unanswered)
    if criteria.called_back is not None:
        yield outcome == "missed"
        yield _was_reached() if criteria.called_back else ~_was_reached()


def _rang_on(users: Iterable[int]) -> ColumnElement[bool]:
    """Match calls that rang on one of these users, as events reported."""
    is_ring = steps.c.call_id == history.c.id, steps.c.name == "ringing"
    return exists().where(*is_ring, _one_of(steps.c.user_id, users))


def _was_reached() -> ColumnElement[bool]:
    """Match calls after which a user has talked to the caller, in a call that started later."""
    missed, later = calls.alias("missed"), calls.alias("later")
    follows = tuple_(later.c.started_at, later.c.id) > tuple_(missed.c.started_at, missed.c.id)
    return exists().where(
        missed.c.id == history.c.id,
        later.c.caller_key == missed.c.caller_key,
        is_answered(later),
        follows,
    )


def _one_of(column: ColumnElement[int | None], ids: Iterable[int]) -> ColumnElement[bool]:
    """Match one of the ids, written as literals: there may be more ids than a query may have parameters."""
    return column.in_(bindparam(None, sorted(ids), expanding=True, literal_execute=True))


def ids_of(connection: Connection, kind: str, names: Sequence[str]) -> set[int]:
    """Return the ids of objects with one of these ids or names, or both, such as `Ada Lovelace 456001`."""
    numbers = {int(each) for each in names if re.fullmatch("[0-9]{1,19}", each)}
    return {int(id_) for id_ in ids_called(connection, kind, names)} | {id_ for id_ in numbers if id_ < 2**63}


def ids_called(connection: Connection, kind: str, names: Sequence[str]) -> Iterable[str]:
    """Return the ids of objects of this kind that are called so."""
    named = call_names.c.kind == kind, call_names.c.called.in_(names)
    return connection.scalars(select(call_names.c.id).where(*named))


def _is_caller(caller: str) -> ColumnElement[bool]:
    number = digits_only(caller)
    found = history.c.caller_digits.contains(number) if number else history.c.caller == caller
    text = number or normalize(caller)
    return and_(found, _contains(text)) if _NARROWING.search(text) else found


def _has_text(connection: Connection, texts: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    yield from map(_contains, texts)
    named = connection.execute(select(names).where(names.c.kind.in_(("user", "number")))).all()
    found = [row for row in named if any(text in normalize(row.name) for text in texts)]
    for kind, column in (("user", history.c.user_id), ("number", history.c.number_id)):
        yield _one_of(column, (int(row.id) for row in found if row.kind == kind))


def _contains(text: str) -> ColumnElement[bool]:
    """Match calls whose words contain a normalised text."""
    searched = history.c.words if _NARROWING.search(text) else history.c.words + ""
    return searched.contains(text, autoescape=True)
