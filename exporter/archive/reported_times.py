"""Read when users were signed in, for a report."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from exporter.account.times_in_state import TimeInState
from exporter.archive.schema import times_in_state as times

LONGEST_S = 86_400
"""No row covers more seconds. Few cover more than an hour."""

ROWS_AT_ONCE = 1000
"""Rows that are in memory at the same time."""


def reported_times(connection: Connection, since: int, until: int) -> Iterator[TimeInState]:
    """Yield the parts of the intervals that are within a time range (UNIX seconds), in any order."""
    query = select(times.c.user_id, times.c.since, times.c.until, times.c.state, times.c.team_ids).where(
        times.c.since > since - LONGEST_S, times.c.since < until, times.c.until > since
    )
    for user_id, begun, ended, state, team_ids in connection.execute(
        query, execution_options={"yield_per": ROWS_AT_ONCE}
    ):
        teams = tuple(msgspec.json.decode(team_ids, type=list[str]))
        yield TimeInState(user_id, max(begun, since), min(ended, until), state, teams)
