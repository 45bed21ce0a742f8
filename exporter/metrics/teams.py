"""Teams: each call once, however many members it touches."""

from collections.abc import Iterator

from exporter.account.board import Board, TeamRow
from exporter.account.thresholds import group_checks
from exporter.metrics.family import RECENT, Family, Sample

_TEAM = ("team_id", "team")

USERS = Family(
    "aircall_team_users", "gauge", "Members of the team by the state they are in.", (*_TEAM, "state")
)
CALLS = Family(
    "aircall_team_period_calls",
    "gauge",
    "Finished calls of the team in the activity period, each once. Inbound missed: on a number that a member"
    " is assigned to; absent while assignments are unknown.",
    (*_TEAM, "period", "direction", "outcome"),
)
MISSED_CALLS = Family(
    "aircall_team_period_missed_calls",
    "gauge",
    "Calls of the activity period missed on numbers that a member is assigned to, each once, by the reason"
    " that Aircall gives; absent while assignments are unknown.",
    (*_TEAM, "period", "reason"),
)
AVERAGE_ANSWER = Family(
    "aircall_team_average_answer_seconds",
    "gauge",
    "Average time to answer the team's inbound calls of the activity period; absent without any.",
    (*_TEAM, "period"),
)
AVERAGE_CALL = Family(
    "aircall_team_average_call_duration_seconds",
    "gauge",
    "Average length of the team's calls of the activity period, with ringing, missed ones left out.",
    (*_TEAM, "period"),
)
THRESHOLD_EXCEEDED = Family(
    "aircall_team_threshold_exceeded",
    "gauge",
    "1 where a threshold of the configuration is exceeded for the team (service_level: not reached),"
    " else 0; only for those that are set. kpi is average_call, missed_rate or service_level.",
    (*_TEAM, "kpi"),
)
SLA_BREACHED = Family(
    "aircall_team_sla_breached",
    "gauge",
    "1 where the team's average time to answer exceeds the SLA, else 0; absent while the SLA is off.",
    (*_TEAM, "period"),
)
SERVICE_LEVEL = Family(
    "aircall_team_service_level_ratio",
    "gauge",
    "Share of the team's inbound calls of the activity period, missed ones included, that were answered"
    " within queue_wait.critical; absent without any, and while assignments are unknown.",
    (*_TEAM, "period"),
)
WAITING_CALLS = Family(
    "aircall_team_waiting_calls",
    "gauge",
    "Calls in the queue that a member could pick up, by assignment; absent while assignments are unknown.",
    _TEAM,
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
    """Expose a team:

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
