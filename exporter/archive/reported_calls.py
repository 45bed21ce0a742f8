"""Read the done calls of a time range, for a report or a start, and the names of users, teams and numbers."""

from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    false,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
)

from exporter.account.directory import Directory
from exporter.account.records import DoneCalls
from exporter.aircall.data_limits import MAX_CALLS_TODAY
from exporter.aircall.models import Call, Number, User
from exporter.archive.criteria import MAX_TIMESTAMP
from exporter.archive.repeat_view import AGAIN_AFTER, IS_COUNTED, KNOWN_FOR
from exporter.archive.row_mapping import call_of
from exporter.archive.schema import calls, names, tags, teams

_PARTS = {"team": teams.c.team_id, "tag": func.coalesce(tags.c.name, ""), None: literal("")}

ROWS_AT_ONCE = 1000
"""Rows that are in memory at the same time."""


Part = Literal["team", "tag"]
"""What a call may have several of. A report by one of them has the call once for each."""


class Repeat(NamedTuple):
    """When the caller of an answered call called again, in seconds after its end."""

    again_after: int | None
    """None if the caller has not called again."""
    known_for: int
    """For how long after its end the archive has calls."""


AFTER_CALL_WORK = (
    "(SELECT CAST(sum(CASE name WHEN 'wrapped_up' THEN at ELSE -at END) AS BIGINT) FROM call_steps"
    " WHERE call_id = calls.id AND name IN ('wrap_up', 'wrapped_up') GROUP BY call_id"
    " HAVING sum(CASE name WHEN 'wrapped_up' THEN 1 ELSE -1 END) = 0)"
)
"""Seconds of after-call work, or NULL if an event about its start or its end is missing."""


class ReportedCall(NamedTuple):
    """A done call, and one of its teams or tags."""

    call: Call
    part: str
    """The id of the team or the tag; an empty text in other reports, and for calls without a tag."""
    repeat: Repeat | None = None
    """None unless the call was answered and its caller can be recognised."""
    after_call_work: int | None = None
    """Seconds that its users needed to wrap it up, or None if events do not say."""


def reported_calls(
    connection: Connection,
    since: int,
    until: int = MAX_TIMESTAMP,
    *,
    by: Part | None = None,
    with_later: bool = False,
) -> Iterator[ReportedCall]:
    """Yield the done calls that started at `since` or later and before `until` (UNIX seconds), in any order.

    With `by`, yield a call once for each of its teams or tags. Only with `with_later`, look up what happened
    after each call: after-call work, and when the caller called again.
    """
    is_counted = text(IS_COUNTED) if with_later else false()
    query = select(
        calls.c.id,
        calls.c.direction,
        calls.c.status,
        calls.c.started_at,
        calls.c.answered_at,
        calls.c.ended_at,
        calls.c.left_menu_at,
        calls.c.outcome,
        calls.c.missed_call_reason,
        calls.c.user_id,
        calls.c.number_id,
        literal(None).label("caller"),
        _PARTS[by].label("part"),
        case((is_counted, literal_column(AGAIN_AFTER))).label("again_after"),
        case((is_counted, literal_column(KNOWN_FOR))).label("known_for"),
        (literal_column(AFTER_CALL_WORK) if with_later else null()).label("after_call_work"),
    )
    if by == "team":
        query = query.join(teams, teams.c.call_id == calls.c.id)
    elif by == "tag":
        query = query.outerjoin(tags, tags.c.call_id == calls.c.id)
    for row in connection.execute(
        query.where(*_done(since, until)), execution_options={"yield_per": ROWS_AT_ONCE}
    ):
        repeat = None if row.known_for is None else Repeat(row.again_after, row.known_for)
        yield ReportedCall(call_of(row), row.part, repeat, row.after_call_work)


def done_calls(connection: Connection, since: int) -> DoneCalls:
    """Return the done calls that started at `since` (UNIX seconds) or later, up to a limit."""
    found = islice(reported_calls(connection, since), MAX_CALLS_TODAY + 1)
    return DoneCalls(since, tuple(done.call for done in found))


def count_without_teams(connection: Connection, since: int, until: int) -> int:
    """Return of how many of these calls the teams are not known yet."""
    return _count(connection, *_done(since, until), ~calls.c.counted_for_teams)


def count_with_inferred_teams(connection: Connection, since: int, until: int) -> int:
    """Return of how many of these calls the teams are inferred, as they are not counted."""
    return _count(connection, *_done(since, until), calls.c.counted_for_teams, ~calls.c.counted)


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(*conditions)).scalar_one()


def _done(since: int, until: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of done calls. Only these have an outcome, which the index by start contains."""
    return calls.c.started_at >= since, calls.c.started_at < until, calls.c.outcome.is_not(None)


def archived_directory(connection: Connection) -> Directory:
    """Return a directory of the users, teams and numbers whose names the archive has. It has no members."""
    directory = Directory()
    for kind, id_, name in connection.execute(select(names.c.kind, names.c.id, names.c.name)):
        match kind:
            case "user":
                directory.add_user(User(int(id_), name))
            case "team":
                directory.add_team(int(id_), name, ())
            case "number":
                directory.add_number(Number(int(id_), name))
    return directory
