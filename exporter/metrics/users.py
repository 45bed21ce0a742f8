"""Families of users: one series for each membership, so that a dashboard of one team needs no join."""

from collections.abc import Iterator

from exporter.account.board import Board, UserFigures, UserRow
from exporter.account.directory import NamedRef
from exporter.account.period import PeriodName
from exporter.account.presence import STATE_CODES, STATES
from exporter.account.thresholds import user_checks
from exporter.clock import Moment
from exporter.metrics.family import Family, LabelValues, Sample

_USER = ("user_id", "user", "team_id", "team")

AVAILABILITY = Family(
    "aircall_user_availability",
    "gauge",
    "1 for the user's current state, 0 for all other states.",
    (*_USER, "state"),
    group="presence",
)
AVAILABILITY_CODE = Family(
    "aircall_user_availability_code",
    "gauge",
    "The user's state as a number: "
    + ", ".join(f"{code} {state}" for state, code in STATE_CODES.items())
    + ".",
    _USER,
    group="presence",
)
AVAILABILITY_CHANGED = Family(
    "aircall_user_availability_changed_timestamp_seconds",
    "gauge",
    "UNIX time at which the user was first observed in the current state.",
    _USER,
    group="presence",
)
AVAILABILITY_SECONDS = Family(
    "aircall_user_availability_seconds_total",
    "counter",
    "Time for which the user was observed in each state. Time without data counts as unknown.",
    (*_USER, "state"),
    group="counters",
)
SUBSTATUS = Family(
    "aircall_user_substatus",
    "gauge",
    "Why the user is unavailable: always_open, always_closed, out_for_lunch, on_a_break, in_training,"
    " back_office, other, or a future value in the same style, however Aircall spells it. The value is 1."
    " Absent if it is unknown or not yet fetched for the current state.",
    (*_USER, "substatus"),
    group="presence",
)
SUBSTATUS_SECONDS = Family(
    "aircall_user_substatus_seconds_total",
    "counter",
    "Time for which the user was observed on do not disturb, by substatus; unknown if Aircall sent none. Time"
    " without data does not count. Continues across restarts.",
    (*_USER, "substatus"),
    group="counters",
)
CALLS = Family(
    "aircall_user_period_calls",
    "gauge",
    "Finished calls of the user in the period. Inbound missed calls are inferred: each counts for"
    " every user assigned to the number. They are absent while assignments are unknown. The period today is"
    " absent while calls of the day are missing.",
    (*_USER, "period", "direction", "outcome"),
    group="period",
)
AVERAGE_ANSWER = Family(
    "aircall_user_average_answer_seconds",
    "gauge",
    "Average time to answer of the user's inbound calls in the period. Absent if there are none.",
    (*_USER, "period"),
    group="period",
)
AVERAGE_CALL = Family(
    "aircall_user_average_call_duration_seconds",
    "gauge",
    "Average length, including ringing, of the user's finished calls in the period. Absent if there"
    " are none.",
    (*_USER, "period"),
    group="period",
)
SLA_BREACHED = Family(
    "aircall_user_sla_breached",
    "gauge",
    "1 if the user's average time to answer exceeds the SLA of the team, else 0. Absent if that is off.",
    (*_USER, "period"),
    group="period",
)
CURRENT_CALL = Family(
    "aircall_user_current_call_seconds",
    "gauge",
    "Time since the user's current call was answered. Absent unless the user's state is in_call or unknown,"
    " and after a transfer to an external number.",
    (*_USER, "direction", "number_id", "number", "caller"),
    group="presence",
)
THRESHOLD_EXCEEDED = Family(
    "aircall_user_threshold_exceeded",
    "gauge",
    "1 if the user exceeds a configured threshold, else 0. Absent for thresholds that are off. kpi is"
    " average_call, missed_rate, in_call, after_call_work or do_not_disturb.",
    (*_USER, "kpi"),
    group="period",
)
WAITING_CALLS = Family(
    "aircall_user_waiting_calls",
    "gauge",
    "Calls in the queue of numbers to which the user is assigned. Absent while assignments are unknown.",
    _USER,
    group="queue",
)

PER_POLL = (
    AVAILABILITY,
    AVAILABILITY_CODE,
    AVAILABILITY_CHANGED,
    AVAILABILITY_SECONDS,
    SUBSTATUS,
    SUBSTATUS_SECONDS,
    CALLS,
    AVERAGE_ANSWER,
    AVERAGE_CALL,
    SLA_BREACHED,
    THRESHOLD_EXCEEDED,
    WAITING_CALLS,
)
TIME_DEPENDENT = (CURRENT_CALL,)
FAMILIES = (*PER_POLL, *TIME_DEPENDENT)


def user_samples(row: UserRow, board: Board, now: Moment) -> Iterator[Sample]:
    """Yield the samples that change only with a poll, and the thresholds as of `now`.

    aircall_user_availability{user_id="456",user="John Doe",team_id="678",team="Global Sales",state="…"} 1
    aircall_user_availability_code{…} 3
    aircall_user_availability_changed_timestamp_seconds{…} 1.619005327e+09
    aircall_user_availability_seconds_total{…,state="in_call"} 120
    aircall_user_substatus{…,substatus="out_for_lunch"} 1
    aircall_user_substatus_seconds_total{…,substatus="out_for_lunch"} 2460
    aircall_user_period_calls{…,period="recent",direction="inbound",outcome="missed"} 2
    aircall_user_average_answer_seconds{…,period="recent"} 7.5
    aircall_user_average_call_duration_seconds{…,period="recent"} 184.2
    aircall_user_sla_breached{…,period="recent"} 0
    aircall_user_threshold_exceeded{…,kpi="in_call"} 0
    aircall_user_waiting_calls{…} 1
    """
    for team in row.teams:
        user = (*row.user, *team)
        if row.since is not None or "availabilities" in board.known:
            yield from _presence(user, row, now)
        for substatus, seconds in row.substatus_seconds.items():
            yield SUBSTATUS_SECONDS, (*user, substatus), seconds
        if "calls" in board.known:
            for period, figures in row.figures.items():
                yield from _calls(row.user, team, period, figures)
            yield WAITING_CALLS, user, row.waiting
            for kpi, exceeded in user_checks(row, board.settings.thresholds, now.steady):
                yield THRESHOLD_EXCEEDED, (*user, kpi), exceeded


def _presence(user: LabelValues, row: UserRow, now: Moment) -> Iterator[Sample]:
    for state in STATES:
        yield AVAILABILITY, (*user, state), row.state == state
    yield AVAILABILITY_CODE, user, STATE_CODES[row.state]
    yield AVAILABILITY_CHANGED, user, None if row.since is None else now.unix(row.since)
    for state, seconds in row.seconds.items():
        yield AVAILABILITY_SECONDS, (*user, state), seconds
    if row.substatus:
        yield SUBSTATUS, (*user, row.substatus), 1


def _calls(user: NamedRef, team: NamedRef, period: PeriodName, figures: UserFigures) -> Iterator[Sample]:
    labels = (*user, *team, period)
    for kind, count in figures.calls.items():
        yield CALLS, (*labels, *kind), count
    yield AVERAGE_ANSWER, labels, figures.average_answer
    yield AVERAGE_CALL, labels, figures.average_call
    yield SLA_BREACHED, labels, figures.sla_breached[team.id]


def time_dependent_samples(board: Board, now: float) -> Iterator[Sample]:
    """Yield the samples that change with the clock. `now` is in seconds of our clock.

    aircall_user_current_call_seconds{…,direction="inbound",number_id="1234",number="…",caller="+33…"} 61
    """
    server_now = now + board.server_ahead
    for row in board.users:
        if (call := row.current) is not None:
            seconds = max(0.0, server_now - call.since)
            for team in row.teams:
                yield CURRENT_CALL, (*row.user, *team, call.direction, *call.number, call.caller), seconds
