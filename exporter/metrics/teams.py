"""Families of teams: each call counts once, regardless of how many members took part."""

from collections.abc import Iterator

from exporter.account.board import Board, TeamRow
from exporter.metrics.family import Family, Sample
from exporter.metrics.group_figures import FigureFamilies

_TEAM = ("team_id", "team")

USERS = Family(
    "aircall_team_users", "gauge", "Members of the team, by state.", (*_TEAM, "state"), group="presence"
)
FIGURES = FigureFamilies(
    "team", "numbers to which a member is assigned", "Absent while assignments are unknown."
)
WAITING_CALLS = Family(
    "aircall_team_waiting_calls",
    "gauge",
    "Calls in the queue of numbers to which a member is assigned. Absent while assignments are unknown.",
    _TEAM,
    group="queue",
)

FAMILIES = (USERS, *FIGURES.families, WAITING_CALLS)


def team_samples(row: TeamRow, board: Board) -> Iterator[Sample]:
    """Yield the samples of a team.

    aircall_team_users{team_id="678",team="Global Sales",state="available"} 3
    aircall_team_period_calls{…,period="recent",direction="inbound",outcome="answered"} 12
    aircall_team_service_level_ratio{…,period="today"} 0.9
    aircall_team_service_level_target_ratio{team_id="678",team="Global Sales"} 0.8
    aircall_team_waiting_calls{team_id="678",team="Global Sales"} 1
    """
    yield from FIGURES.rules(row.rules, row.team)
    if "availabilities" in board.known:
        for state, count in row.users.items():
            yield USERS, (*row.team, state), count
    if "calls" in board.known:
        yield from FIGURES.figures(row, row.team, board.settings.thresholds)
        yield WAITING_CALLS, row.team, row.waiting
