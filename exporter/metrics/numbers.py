"""Families of numbers."""

from collections.abc import Iterator

from exporter.account.board import Board, NumberRow
from exporter.account.thresholds import group_checks
from exporter.metrics.family import RECENT, Family, Sample

_NUMBER = ("number_id", "number")

USERS = Family(
    "aircall_number_users",
    "gauge",
    "Users assigned to the number, by state. Absent while assignments are unknown.",
    (*_NUMBER, "state"),
    group="presence",
)
CALLS = Family(
    "aircall_number_period_calls",
    "gauge",
    "Finished calls on the number in the activity period.",
    (*_NUMBER, "period", "direction", "outcome"),
    group="period",
)
MISSED_CALLS = Family(
    "aircall_number_period_missed_calls",
    "gauge",
    "Calls missed on the number in the activity period, by Aircall's reason.",
    (*_NUMBER, "period", "reason"),
    group="period",
)
AVERAGE_ANSWER = Family(
    "aircall_number_average_answer_seconds",
    "gauge",
    "Average time to answer of the number's inbound calls in the activity period. Absent if there are none.",
    (*_NUMBER, "period"),
    group="period",
)
AVERAGE_CALL = Family(
    "aircall_number_average_call_duration_seconds",
    "gauge",
    "Average length, including ringing, of the number's calls in the activity period, without missed calls."
    " Absent if there are none.",
    (*_NUMBER, "period"),
    group="period",
)
THRESHOLD_EXCEEDED = Family(
    "aircall_number_threshold_exceeded",
    "gauge",
    "1 if the number exceeds a configured threshold (for service_level: does not reach it), else 0. Absent"
    " for thresholds that are off. kpi is average_call, missed_rate or service_level.",
    (*_NUMBER, "kpi"),
    group="period",
)
SLA_BREACHED = Family(
    "aircall_number_sla_breached",
    "gauge",
    "1 if the number's average time to answer exceeds the SLA, else 0. Absent if the SLA is off.",
    (*_NUMBER, "period"),
    group="period",
)
SERVICE_LEVEL = Family(
    "aircall_number_service_level_ratio",
    "gauge",
    "Share of the number's inbound calls in the activity period, including missed ones, that were answered"
    " within queue_wait.critical. Absent if there are none.",
    (*_NUMBER, "period"),
    group="period",
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
)


def number_samples(row: NumberRow, board: Board) -> Iterator[Sample]:
    """Yield the samples of a number that change only with a poll.

    aircall_number_users{number_id="1234",number="French Office",state="available"} 2
    aircall_number_period_calls{…,period="recent",direction="inbound",outcome="missed"} 1
    aircall_number_period_missed_calls{…,period="recent",reason="no_available_agent"} 1
    aircall_number_average_answer_seconds{…,period="recent"} 9
    aircall_number_average_call_duration_seconds{…,period="recent"} 184.2
    aircall_number_threshold_exceeded{…,kpi="average_call"} 0
    aircall_number_sla_breached{…,period="recent"} 0
    aircall_number_service_level_ratio{…,period="recent"} 0.8
    """
    if "availabilities" in board.known:
        for state, count in (row.users or {}).items():
            yield USERS, (*row.number, state), count
    if "calls" in board.known:
        for kind, count in row.calls.items():
            yield CALLS, (*row.number, RECENT, *kind), count
        for reason, count in row.missed.items():
            yield MISSED_CALLS, (*row.number, RECENT, reason), count
        yield AVERAGE_ANSWER, (*row.number, RECENT), row.average_answer
        yield AVERAGE_CALL, (*row.number, RECENT), row.average_call
        for kpi, exceeded in group_checks(row, board.settings):
            yield THRESHOLD_EXCEEDED, (*row.number, kpi), exceeded
        yield SLA_BREACHED, (*row.number, RECENT), row.sla_breached
        yield SERVICE_LEVEL, (*row.number, RECENT), row.service_level
