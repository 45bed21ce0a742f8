"""Read when users were signed in, for a report."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from exporter.account.times_in_state import TimeInState
from exporter.archive.schema import times_in_state as times

LONGEST_S = 86_400
"""No row covers more seconds. Few cover more than an hour."""

ROWS_AT_ONCE = 1000
"""Rows that are in memory at the same time."""


def reported_times(connection: Connection, since: int, until: int) -> Iterator[TimeInState]:
    """Yield the parts of the intervals that are within a time range (UNIX seconds), in any order.

    A user is in one state at a time. If intervals overlap, because a clock was wrong, each ends where the
    next one begins.
    """
    query = (
        select(times.c.user_id, times.c.since, times.c.until, times.c.state, times.c.team_ids)
        .where(times.c.since > since - LONGEST_S, times.c.since < until)
        .order_by(times.c.since, times.c.user_id)
    )
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for user_id, begun, ended, state, team_ids in _without_overlaps(rows):
        if ended > since:
            teams = tuple(msgspec.json.decode(team_ids, type=list[str]))
            yield TimeInState(user_id, max(begun, since), min(ended, until), state, teams)


def _without_overlaps(rows: Iterable[Any]) -> Iterator[tuple[int, int, int, str, str]]:
    """Yield rows that are sorted by their start. Each ends before the next one of the same user."""
    latest: dict[int, Any] = {}
    for row in rows:
        if (before := latest.get(row.user_id)) is not None:
            yield before.user_id, before.since, min(before.until, row.since), before.state, before.team_ids
        latest[row.user_id] = row
    for row in latest.values():
        yield row.user_id, row.since, row.until, row.state, row.team_ids
