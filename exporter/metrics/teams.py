"""Teams: each call once, however many members it touches."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from exporter.account.board import Board, TeamRow
from exporter.account.marks import group_marks
from exporter.metrics.family import Family, LabelValues

_TEAM = ("team_id", "team")

USERS = Family(
    "aircall_team_users", "gauge", "Members of the team by the state they are in.", (*_TEAM, "state")
)
CALLS = Family(
    "aircall_team_calls",
    "gauge",
    "Finished calls of the team in the activity period, each once. Inbound missed: on a number that a member"
    " is assigned to; absent while assignments are unknown.",
    (*_TEAM, "direction", "outcome"),
)
MISSED_CALLS = Family(
    "aircall_team_missed_calls",
    "gauge",
    "Calls of the activity period missed on numbers that a member is assigned to, each once, by the reason"
    " that Aircall gives; absent while assignments are unknown.",
    (*_TEAM, "reason"),
)
AVERAGE_ANSWER = Family(
    "aircall_team_average_answer_seconds",
    "gauge",
    "Average time to answer the team's inbound calls of the activity period; absent without any.",
    _TEAM,
)
AVERAGE_CALL = Family(
    "aircall_team_average_call_seconds",
    "gauge",
    "Average length of the team's calls of the activity period, with ringing, missed ones left out.",
    _TEAM,
)
THRESHOLD_EXCEEDED = Family(
    "aircall_team_threshold_exceeded",
    "gauge",
    "1 where a threshold of the configuration is exceeded for the team (service_level: not reached),"
    " else 0; only for those that are set. kpi is average_call, missed_share or service_level.",
    (*_TEAM, "kpi"),
)
SLA_BREACHED = Family(
    "aircall_team_sla_breached",
    "gauge",
    "1 where the team's average time to answer exceeds the SLA, else 0; absent while the SLA is off.",
    _TEAM,
)
SERVICE_LEVEL = Family(
    "aircall_team_service_level_ratio",
    "gauge",
    "Share of the team's inbound calls of the activity period, missed ones included, that were answered"
    " within queue_wait.critical; absent without any, and while assignments are unknown.",
    _TEAM,
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


def collect(board: Board) -> Iterator[Metric]:
    """Expose the teams:

    aircall_team_users{team_id="678",team="Global Sales",state="available"} 3
    aircall_team_calls{team_id="678",team="Global Sales",direction="inbound",outcome="answered"} 12
    aircall_team_missed_calls{team_id="678",team="Global Sales",reason="no_available_agent"} 1
    aircall_team_average_answer_seconds{team_id="678",team="Global Sales"} 8.25
    aircall_team_average_call_seconds{…} 184.2
    aircall_team_threshold_exceeded{…,kpi="average_call"} 0
    aircall_team_sla_breached{team_id="678",team="Global Sales"} 0
    aircall_team_service_level_ratio{team_id="678",team="Global Sales"} 0.9
    aircall_team_waiting_calls{team_id="678",team="Global Sales"} 1
    """
    present = board.teams if "availabilities" in board.known else ()
    counted = board.teams if "calls" in board.known else ()

    def each(value: Callable[[TeamRow], float | None]) -> Iterator[tuple[LabelValues, float]]:
        return ((row.team, number) for row in counted if (number := value(row)) is not None)

    yield USERS.gauge(((*row.team, state), n) for row in present for state, n in row.users.items())
    yield CALLS.gauge(((*row.team, *kind), n) for row in counted for kind, n in row.calls.items())
    yield MISSED_CALLS.gauge(((*row.team, reason), n) for row in counted for reason, n in row.missed.items())
    yield AVERAGE_ANSWER.gauge(each(lambda row: row.average_answer))
    yield AVERAGE_CALL.gauge(each(lambda row: row.average_call))
    yield THRESHOLD_EXCEEDED.gauge(
        ((*row.team, kpi), float(exceeded))
        for row in counted
        for kpi, exceeded in group_marks(row, board.settings.thresholds)
    )
    yield SLA_BREACHED.gauge(each(lambda row: row.sla_breached))
    yield SERVICE_LEVEL.gauge(each(lambda row: row.service_level))
    yield WAITING_CALLS.gauge(each(lambda row: row.waiting))
