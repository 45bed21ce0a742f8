"""Explain criteria that find nothing, and reject those that may mean several things."""

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from exporter.archive.criteria import Criteria, CriterionError
from exporter.archive.filters import conditions
from exporter.archive.parsing import LONGEST_NAME
from exporter.archive.schema import calls, steps, tags
from exporter.archive.views import call_names, history
from exporter.text import truncate

MAX_LISTED = 5
"""Names in one hint, and hints about the names of one parameter, because each takes time."""


def all_hints(
    connection: Connection, criteria: Criteria, found_any: bool
) -> Iterator[tuple[str | None, str]]:
    """Yield the parameter and a hint for each criterion that may mean something else.

    If a search has found nothing and no criterion explains it, yield why; the parameter is None.
    """
    explained = False
    for hint in hints(connection, criteria):
        explained = True
        yield hint
    if found_any or explained:
        return
    if criteria.rang and not _has_rings(connection):
        yield "rang", "the archive has no ring of any call, as only webhook events report rings"
    else:
        yield None, why_nothing(connection, criteria)


def reject_shared_names(connection: Connection, criteria: Criteria) -> None:
    """Raise CriterionError, with a list, for the first name of several users, teams or numbers."""
    for parameter, kind, given in _names_in(criteria):
        named = select(call_names.c.called, call_names.c.id).where(
            call_names.c.kind == kind, call_names.c.called.in_(given)
        )
        ids = defaultdict[str, set[str]](set)
        for row in connection.execute(named):
            ids[row.called].add(row.id)
        for name in given:
            if len(same := ids[name]) > 1:
                each = ", ".join(truncate(f"{name} {id_}") for id_ in sorted(same)[:MAX_LISTED])
                more = f" and {len(same) - MAX_LISTED} more" if len(same) > MAX_LISTED else ""
                problem = f"{len(same)} {kind}s are called {truncate(name)}; choose from {each}{more}"
                raise CriterionError(parameter, problem)


def hints(connection: Connection, criteria: Criteria) -> Iterator[tuple[str, str]]:
    """Yield the parameter and a hint for each name that is unknown, and for inferred teams."""
    for name, kind, given in _names_in(criteria):
        known, names = _known(connection, kind)
        yield from ((name, hint) for hint in _unknown(kind, given, known, names))
    if criteria.tags:
        known = set(connection.scalars(select(tags.c.name).distinct()))
        yield from (("tag", hint) for hint in _unknown("tag", criteria.tags, known, known))
    if criteria.reasons:
        found = select(calls.c.missed_call_reason).distinct().where(calls.c.missed_call_reason.is_not(None))
        reasons = set(connection.scalars(found))
        yield from (("reason", hint) for hint in _unknown("reason", criteria.reasons, reasons, reasons))
    if criteria.users and criteria.missed:
        yield "user", _of_missed(connection, criteria)
    if criteria.teams and (inferred := _count_inferred(connection, criteria)):
        yield "team", of_inferred_teams(inferred)


def of_inferred_teams(calls: int) -> str:
    """Return in words that the teams of some calls are inferred."""
    return f"calls whose teams are inferred from the current members and numbers: {calls}"


def why_nothing(connection: Connection, criteria: Criteria) -> str:
    """Return why no call matches, as far as the archive says."""
    count, first, last = connection.execute(
        select(func.count(), func.min(calls.c.started_at), func.max(calls.c.started_at))
    ).one()
    if not count:
        return "the archive has no calls yet"
    in_range = calls.c.started_at.between(criteria.since, criteria.until)
    others = connection.execute(select(func.count()).where(in_range)).scalar_one()
    if others:
        return f"none of the {others} calls of that time matches all criteria"
    first_day, last_day = (datetime.fromtimestamp(at, UTC).date() for at in (first, last))
    return f"the archive has no call of that time; its {count} calls are from {first_day} to {last_day}"


def _names_in(criteria: Criteria) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield the parameter, the kind of object and the names, of each criterion that has names."""
    for parameter, kind, given in (
        ("user", "user", criteria.users),
        ("rang", "user", criteria.rang),
        ("team", "team", criteria.teams),
        ("number", "number", criteria.numbers),
    ):
        if given:
            yield parameter, kind, given


def _known(connection: Connection, kind: str) -> tuple[set[str], set[str]]:
    """Return all that the objects may be called, which includes their ids, and the names alone."""
    named = select(call_names.c.called, call_names.c.name).where(call_names.c.kind == kind)
    rows = connection.execute(named).all()
    return {row.called for row in rows}, {row.name for row in rows}


def _unknown(kind: str, given: Sequence[str], known: Container[str], names: Iterable[str]) -> Iterator[str]:
    """Yield a hint for each given name that is not known. The nearest of `names` is found for a few only."""
    unknown = [name for name in given if name not in known]
    plain = {_plain(each): each for each in names} if unknown else {}
    for name in unknown[:MAX_LISTED]:
        near = " or ".join(truncate(plain[each]) for each in _nearest(_plain(name[:LONGEST_NAME]), plain))
        hint = f", did you mean {near}?" if near else ""
        yield f"the archive has no {kind} {truncate(name)}{hint}"
    if len(unknown) > MAX_LISTED:
        yield f"the archive has none of {len(unknown) - MAX_LISTED} more {kind}s"


def _nearest(text: str, plain: Collection[str]) -> list[str]:
    """Return the nearest of the plain names: a similar one, or else those with words that begin so."""
    if close := difflib.get_close_matches(text, plain, n=1):
        return close
    return sorted(each for each in plain if f" {text}" in f" {each}")[:MAX_LISTED]


def _plain(name: str) -> str:
    """Return a name without case and accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _has_rings(connection: Connection) -> bool:
    """Return whether events have reported on whom a call rang."""
    return (
        connection.scalars(select(steps.c.call_id).where(steps.c.name == "ringing").limit(1)).first()
        is not None
    )


def _count_inferred(connection: Connection, criteria: Criteria) -> int:
    """Return of how many calls that match the teams are inferred."""
    matching = select(func.count()).where(*conditions(connection, criteria), history.c.teams_inferred)
    return connection.execute(matching).scalar_one()


def _of_missed(connection: Connection, criteria: Criteria) -> str:
    """Explain that missed calls have no user, and name the numbers on which the users have talked.

    If calls rang on these users, according to events, name the search for those.
    """
    own = Criteria(criteria.since, criteria.until, users=criteria.users)
    numbers = connection.scalars(
        select(history.c.number_name)
        .where(*conditions(connection, own), history.c.number_id.is_not(None))
        .distinct()
        .order_by(history.c.number_name)
        .limit(MAX_LISTED)
    )
    found = " ".join(f"--number {truncate(name)}" for name in numbers)
    remedy = f"; the calls that were missed on the numbers of this user: {found}" if found else ""
    rang = Criteria(criteria.since, criteria.until, rang=criteria.users, missed=True)
    rings = connection.execute(select(func.count()).where(*conditions(connection, rang))).scalar_one()
    if rings:
        users = " ".join(f"--rang {truncate(name)}" for name in criteria.users[:MAX_LISTED])
        remedy += f"; the {rings} missed calls that rang on this user: {users} --missed"
    return f"a missed call belongs to a number and not to a user{remedy}"
