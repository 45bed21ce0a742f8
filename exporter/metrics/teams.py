"""Families of teams: each call counts once, regardless of how many members took part."""

from collections.abc import Iterator

from exporter.account.board import Board, TeamRow
from exporter.account.thresholds import group_checks
from exporter.metrics.family import RECENT, Family, Sample

_TEAM = ("team_id", "team")

USERS = Family(
    "aircall_team_users", "gauge", "Members of the team, by state.", (*_TEAM, "state"), group="presence"
)
CALLS = Family(
    "aircall_team_period_calls",
    "gauge",
    "Finished calls of the team in the activity period, each counted once. Inbound missed calls are those on"
    " numbers to which a member is assigned; absent while assignments are unknown.",
    (*_TEAM, "period", "direction", "outcome"),
    group="period",
)
MISSED_CALLS = Family(
    "aircall_team_period_missed_calls",
    "gauge",
    "Calls missed in the activity period on numbers to which a member is assigned, each counted once, by"
    " Aircall's reason. Absent while assignments are unknown.",
    (*_TEAM, "period", "reason"),
    group="period",
)
AVERAGE_ANSWER = Family(
    "aircall_team_average_answer_seconds",
    "gauge",
    "Average time to answer of the team's inbound calls in the activity period. Absent if there are none.",
    (*_TEAM, "period"),
    group="period",
)
AVERAGE_CALL = Family(
    "aircall_team_average_call_duration_seconds",
    "gauge",
    "Average length, including ringing, of the team's calls in the activity period, without missed calls."
    " Absent if there are none.",
    (*_TEAM, "period"),
    group="period",
)
THRESHOLD_EXCEEDED = Family(
    "aircall_team_threshold_exceeded",
    "gauge",
    "1 if the team exceeds a configured threshold (for service_level: does not reach it), else 0. Absent for"
    " thresholds that are off. kpi is average_call, missed_rate or service_level.",
    (*_TEAM, "kpi"),
    group="period",
)
SLA_BREACHED = Family(
    "aircall_team_sla_breached",
    "gauge",
    "1 if the team's average time to answer exceeds the SLA, else 0. Absent if the SLA is off.",
    (*_TEAM, "period"),
    group="period",
)
SERVICE_LEVEL = Family(
    "aircall_team_service_level_ratio",
    "gauge",
    "Share of the team's inbound calls in the activity period, including missed ones, that were answered"
    " within queue_wait.critical. Absent if there are none, and while assignments are unknown.",
    (*_TEAM, "period"),
    group="period",
)
WAITING_CALLS = Family(
    "aircall_team_waiting_calls",
    "gauge",
    "Calls in the queue of numbers to which a member is assigned. Absent while assignments are unknown.",
    _TEAM,
    group="queue",
)

FAMILIES = (
    USERS,
    CALLS,
    MISSED_CALLS,
    AVERAGE_ANSWER,
    AVERAGE_CALL,
    THRESHOLD_EXCEEDED,
    SLA_BREACHED,
    SERVICE_LEVEL,
    WAITING_CALLS,
)


def team_samples(row: TeamRow, board: Board) -> Iterator[Sample]:
    """Yield the samples of a team.

    aircall_team_users{team_id="678",team="Global Sales",state="available"} 3
    aircall_team_period_calls{…,period="recent",direction="inbound",outcome="answered"} 12
    aircall_team_period_missed_calls{…,period="recent",reason="no_available_agent"} 1
    aircall_team_average_answer_seconds{…,period="recent"} 8.25
    aircall_team_average_call_duration_seconds{…,period="recent"} 184.2
    aircall_team_threshold_exceeded{…,kpi="average_call"} 0
    aircall_team_sla_breached{…,period="recent"} 0
    aircall_team_service_level_ratio{…,period="recent"} 0.9
    aircall_team_waiting_calls{team_id="678",team="Global Sales"} 1
    """
    if "availabilities" in board.known:
        for state, count in row.users.items():
            yield USERS, (*row.team, state), count
    if "calls" in board.known:
        for kind, count in row.calls.items():
            yield CALLS, (*row.team, RECENT, *kind), count
        for reason, count in row.missed.items():
            yield MISSED_CALLS, (*row.team, RECENT, reason), count
        yield AVERAGE_ANSWER, (*row.team, RECENT), row.average_answer
        yield AVERAGE_CALL, (*row.team, RECENT), row.average_call
        for kpi, exceeded in group_checks(row, board.settings):
            yield THRESHOLD_EXCEEDED, (*row.team, kpi), exceeded
        yield SLA_BREACHED, (*row.team, RECENT), row.sla_breached
        yield SERVICE_LEVEL, (*row.team, RECENT), row.service_level
        yield WAITING_CALLS, row.team, row.waiting
