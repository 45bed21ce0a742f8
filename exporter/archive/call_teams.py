"""Save the teams of calls: those for which they counted, or those inferred from the current teams.

Calls that are not counted, such as those of a backfill, have inferred teams only, because Aircall reports the
teams of a call only while it is in progress.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select, update

from exporter.account.records import CountedCall
from exporter.account.teams import Team, teams_of_call
from exporter.archive.row_mapping import call_of, team_rows
from exporter.archive.schema import calls, without_teams
from exporter.archive.schema import teams as call_teams
from exporter.archive.upsert import put

MAX_INFERRED = 500
"""Calls whose teams are inferred in one transaction."""

# Building a statement takes longer than executing it, and each save executes this one.
_TO_INFER = select(calls).where(without_teams, ~calls.c.counted).limit(bindparam("most"))


def save_teams(connection: Connection, fresh: Iterable[CountedCall], current: Sequence[Team]) -> None:
    """Save the teams for which calls have just counted, and infer those of other calls.

    Args:
        connection: A transaction.
        fresh: What has just been added to the totals.
        current: The current teams; empty while they are not known, and then nothing is inferred.
    """
    put(connection, call_teams, team_rows(fresh))
    found = list(map(call_of, connection.execute(_TO_INFER, {"most": MAX_INFERRED}))) if current else []
    if found:
        inferred = [
            {"call_id": call.id, "team_id": team.label.id, "inferred": True}
            for call in found
            for team in teams_of_call(call, current)
        ]
        put(connection, call_teams, inferred)
        ids = calls.c.id.in_([call.id for call in found])
        connection.execute(update(calls).where(ids).values(counted_for_teams=True))
