"""Counters: each finished call counted once over all series, so that `sum()` is the truth."""

from collections.abc import Iterator

from exporter.account.board import NumberCounters, TeamCounters, UserCounters
from exporter.metrics.family import Family, Sample

CALLS = Family(
    "aircall_calls_total",
    "counter",
    "Finished calls, each counted once. The user is empty if none took part. Users and numbers that have no"
    " series of their own have the id others, in all counters.",
    ("user_id", "user", "number_id", "number", "direction", "outcome"),
)
MISSED_CALLS = Family(
    "aircall_missed_calls_total",
    "counter",
    "Missed inbound calls by the reason that Aircall gives.",
    ("number_id", "number", "reason"),
)
TEAM_CALLS = Family(
    "aircall_team_calls_total",
    "counter",
    "Finished calls by team, each counted once for every team that it concerns.",
    ("team_id", "team", "direction", "outcome"),
)
CALL_ANSWER = Family(
    "aircall_call_answer_seconds",
    "histogram",
    "Time to answer of answered inbound calls.",
    ("number_id", "number"),
)
CALL_TALK = Family(
    "aircall_call_talk_seconds",
    "histogram",
    "Talk time of answered calls, from the answer to the end.",
    ("number_id", "number", "direction"),
)
USER_ANSWER = Family(
    "aircall_user_answer_seconds",
    "summary",
    "Time that the user took to answer inbound calls.",
    ("user_id", "user"),
)
USER_TALK = Family(
    "aircall_user_talk_seconds",
    "summary",
    "Time that the user talked, from the answer to the end of each call.",
    ("user_id", "user", "direction"),
)

USER_RING_ATTEMPTS = Family(
    "aircall_user_ring_attempts_total",
    "counter",
    "Calls that rang on the user, by result: declined. Requires webhooks; resets when the exporter restarts.",
    ("user_id", "user", "result"),
)
USER_HOLD = Family(
    "aircall_user_hold_seconds",
    "summary",
    "For how long the user had callers on hold. With webhooks only; begins anew at each start.",
    ("user_id", "user"),
)
CALL_QUEUE = Family(
    "aircall_call_queue_wait_seconds",
    "histogram",
    "Time in the queue of inbound calls, from the start until the call first rang on somebody, or to the end"
    " where it never did. With webhooks only; begins anew at each start.",
    ("number_id", "number"),
)

OF_USER = (CALLS, USER_ANSWER, USER_TALK, USER_RING_ATTEMPTS, USER_HOLD)
OF_NUMBER = (MISSED_CALLS, CALL_ANSWER, CALL_TALK, CALL_QUEUE)
OF_TEAM = (TEAM_CALLS,)
FAMILIES = (CALLS, MISSED_CALLS, TEAM_CALLS, CALL_ANSWER, CALL_TALK, USER_ANSWER, USER_TALK)
WEBHOOK_ONLY = (CALL_QUEUE, USER_RING_ATTEMPTS, USER_HOLD)
"""A minute after a call's end, as its events may come late."""


def user_samples(row: UserCounters) -> Iterator[Sample]:
    """Expose what was counted for a user:

    aircall_calls_total{user_id="456",user="John Doe",number_id="1234",number="French Office",…} 7
    aircall_user_answer_seconds_sum{user_id="456",user="John Doe"} 41
    aircall_user_talk_seconds_count{user_id="456",user="John Doe",direction="inbound"} 7
    aircall_user_ring_attempts_total{user_id="456",user="John Doe",result="declined"} 1
    aircall_user_hold_seconds_sum{user_id="456",user="John Doe"} 95
    """
    for (number, *kind), count in row.calls.items():
        yield CALLS, (*row.user, *number, *kind), count
    yield USER_ANSWER, row.user, row.answer
    for way, total in row.talk.items():
        yield USER_TALK, (*row.user, way), total
    yield USER_RING_ATTEMPTS, (*row.user, "declined"), row.declined
    yield USER_HOLD, row.user, row.held


def number_samples(row: NumberCounters) -> Iterator[Sample]:
    """Expose what was counted for a number:

    aircall_missed_calls_total{number_id="1234",number="French Office",reason="no_available_agent"} 3
    aircall_call_answer_seconds_bucket{number_id="1234",number="French Office",le="10.0"} 9
    aircall_call_talk_seconds_bucket{number_id="1234",number="French Office",direction="inbound",le="60.0"} 4
    aircall_call_queue_wait_seconds_bucket{number_id="1234",number="French Office",le="5.0"} 6
    """
    for reason, count in row.missed.items():
        yield MISSED_CALLS, (*row.number, reason), count
    yield CALL_ANSWER, row.number, row.answer
    for way, spread in row.talk.items():
        yield CALL_TALK, (*row.number, way), spread
    yield CALL_QUEUE, row.number, row.queue


def team_samples(row: TeamCounters) -> Iterator[Sample]:
    """Expose what was counted for a team:

    aircall_team_calls_total{team_id="678",team="Global Sales",direction="inbound",outcome="answered"} 12
    """
    for kind, count in row.calls.items():
        yield TEAM_CALLS, (*row.team, *kind), count
