"""Explain criteria that find nothing, or more than was meant."""

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from exporter.archive.criteria import Criteria
from exporter.archive.filters import conditions
from exporter.archive.parsing import LONGEST_NAME
from exporter.archive.schema import calls, tags
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
    if not found_any and not explained:
        yield None, why_nothing(connection, criteria)


def hints(connection: Connection, criteria: Criteria) -> Iterator[tuple[str, str]]:
    """Yield the parameter and a hint for each name that is unknown or shared, and for inferred teams."""
    for name, kind, given in (
        ("user", "user", criteria.users),
        ("rang", "user", criteria.rang),
        ("team", "team", criteria.teams),
        ("number", "number", criteria.numbers),
    ):
        if given:
            yield from ((name, hint) for hint in _of_names(connection, kind, given))
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


def _of_names(connection: Connection, kind: str, given: Sequence[str]) -> Iterator[str]:
    named = select(call_names.c.called, call_names.c.name, call_names.c.id).where(call_names.c.kind == kind)
    ids, names = defaultdict[str, set[str]](set), set[str]()
    for row in connection.execute(named):
        ids[row.called].add(row.id)
        names.add(row.name)
    yield from _unknown(kind, given, ids, names)
    for name in [name for name in given if len(ids.get(name, ())) > 1][:MAX_LISTED]:
        each = ", ".join(truncate(f"{name} {id_}") for id_ in sorted(ids[name])[:MAX_LISTED])
        yield f"{len(ids[name])} {kind}s are called {truncate(name)}; for one of them, choose from {each}"


def _unknown(kind: str, given: Sequence[str], known: Container[str], names: Iterable[str]) -> Iterator[str]:
    """Yield a hint for each given name that is not known. The nearest of `names` is found for a few only."""
    unknown = [name for name in given if name not in known]
    plain = {_plain(each): each for each in names} if unknown else {}
    for name in unknown[:MAX_LISTED]:
        close = difflib.get_close_matches(_plain(name[:LONGEST_NAME]), plain, n=1)
        hint = f", did you mean {truncate(plain[close[0]])}?" if close else ""
        yield f"the archive has no {kind} {truncate(name)}{hint}"
    if len(unknown) > MAX_LISTED:
        yield f"the archive has none of {len(unknown) - MAX_LISTED} more {kind}s"


def _plain(name: str) -> str:
    """Return a name without case and accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


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
