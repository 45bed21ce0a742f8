"""Counters: each finished call is counted once over all series, so that `sum()` is exact."""

from collections.abc import Iterator

from exporter.account.board import NumberCounters, TeamCounters, UserCounters
from exporter.metrics.family import Family, Sample

CALLS = Family(
    "aircall_calls_total",
    "counter",
    "Finished calls, each counted once. The user labels are empty if no user took part. In all counters,"
    " users and numbers without series of their own have the id others.",
    ("user_id", "user", "number_id", "number", "direction", "outcome"),
    group="counters",
)
MISSED_CALLS = Family(
    "aircall_missed_calls_total",
    "counter",
    "Missed inbound calls by Aircall's reason.",
    ("number_id", "number", "reason"),
    group="counters",
)
TEAM_CALLS = Family(
    "aircall_team_calls_total",
    "counter",
    "Finished calls by team. A call that concerns several teams is counted once for each.",
    ("team_id", "team", "direction", "outcome"),
    group="counters",
)
CALL_ANSWER = Family(
    "aircall_call_answer_seconds",
    "histogram",
    "Time to answer of answered inbound calls.",
    ("number_id", "number"),
    group="counters",
)
TEAM_CALL_ANSWER = Family(
    "aircall_team_call_answer_seconds",
    "histogram",
    "Time to answer of the inbound calls that members of the team answered.",
    ("team_id", "team"),
    group="counters",
)
CALL_ABANDON = Family(
    "aircall_call_abandon_seconds",
    "histogram",
    "Wait of abandoned calls: inbound calls that the caller ended before an answer.",
    ("number_id", "number"),
    group="counters",
)
CALL_TALK = Family(
    "aircall_call_talk_seconds",
    "histogram",
    "Talk time of answered calls, from the answer to the end.",
    ("number_id", "number", "direction"),
    group="counters",
)
USER_ANSWER = Family(
    "aircall_user_answer_seconds",
    "summary",
    "Time to answer of inbound calls that the user answered.",
    ("user_id", "user"),
    group="counters",
)
USER_TALK = Family(
    "aircall_user_talk_seconds",
    "summary",
    "Talk time of the user's calls, from the answer to the end.",
    ("user_id", "user", "direction"),
    group="counters",
)

USER_RING_ATTEMPTS = Family(
    "aircall_user_ring_attempts_total",
    "counter",
    "Rings of inbound calls on the user's phone, each ring once, by result: answered, declined, or missed (it"
    " rang and the user did neither). Counted a minute after the call's end. Requires webhooks.",
    ("user_id", "user", "result"),
    group="counters",
)
USER_HOLD = Family(
    "aircall_user_hold_seconds",
    "summary",
    "Time for which the user had callers on hold. Requires webhooks; resets when the exporter restarts.",
    ("user_id", "user"),
    group="counters",
)
CALL_QUEUE = Family(
    "aircall_call_queue_wait_seconds",
    "histogram",
    "Time in the queue of inbound calls, from when the caller began to wait for a person until the call"
    " first rang on a user, or until the end if it never did. Requires webhooks; resets when the exporter"
    " restarts.",
    ("number_id", "number"),
    group="counters",
)

CALL_BACKS = Family(
    "aircall_call_backs_total",
    "counter",
    "Missed callers who are no longer open, by result: called_back (an outbound call to them was answered),"
    " called_again (an inbound call from them was answered), or expired. Each caller counts once, for the"
    " number of their first missed call.",
    ("number_id", "number", "result"),
    group="counters",
)
CALL_BACK_TIME = Family(
    "aircall_call_back_seconds",
    "histogram",
    "Time from a caller's first missed call to the first conversation with them.",
    ("number_id", "number"),
    group="counters",
)

OF_USER = (CALLS, USER_ANSWER, USER_TALK, USER_RING_ATTEMPTS, USER_HOLD)
OF_NUMBER = (MISSED_CALLS, CALL_ANSWER, CALL_ABANDON, CALL_TALK, CALL_QUEUE, CALL_BACKS, CALL_BACK_TIME)
OF_TEAM = (TEAM_CALLS, TEAM_CALL_ANSWER)
FAMILIES = (
    *(CALLS, MISSED_CALLS, TEAM_CALLS, CALL_ANSWER, TEAM_CALL_ANSWER),
    *(CALL_ABANDON, CALL_TALK, USER_ANSWER, USER_TALK, CALL_BACKS, CALL_BACK_TIME),
)
WEBHOOK_ONLY = (CALL_QUEUE, USER_RING_ATTEMPTS, USER_HOLD)
"""Families that need webhooks. They count a call one minute after its end, as its events may come late."""


def user_samples(row: UserCounters) -> Iterator[Sample]:
    """Yield the counters of a user.

    aircall_calls_total{user_id="456",user="John Doe",number_id="1234",number="French Office",…} 7
    aircall_user_answer_seconds_sum{user_id="456",user="John Doe"} 41
    aircall_user_talk_seconds_count{user_id="456",user="John Doe",direction="inbound"} 7
    aircall_user_ring_attempts_total{user_id="456",user="John Doe",result="missed"} 1
    aircall_user_hold_seconds_sum{user_id="456",user="John Doe"} 95
    """
    for (number, *kind), count in row.calls.items():
        yield CALLS, (*row.user, *number, *kind), count
    yield USER_ANSWER, row.user, row.answer
    for direction, total in row.talk.items():
        yield USER_TALK, (*row.user, direction), total
    for result, count in row.ring_attempts.items():
        yield USER_RING_ATTEMPTS, (*row.user, result), count
    yield USER_HOLD, row.user, row.held


def number_samples(row: NumberCounters) -> Iterator[Sample]:
    """Yield the counters of a number.

    aircall_missed_calls_total{number_id="1234",number="French Office",reason="no_available_agent"} 3
    aircall_call_answer_seconds_bucket{number_id="1234",number="French Office",le="10.0"} 9
    aircall_call_abandon_seconds_bucket{number_id="1234",number="French Office",le="30.0"} 2
    aircall_call_talk_seconds_bucket{number_id="1234",number="French Office",direction="inbound",le="60.0"} 4
    aircall_call_queue_wait_seconds_bucket{number_id="1234",number="French Office",le="5.0"} 6
    aircall_call_backs_total{number_id="1234",number="French Office",result="called_back"} 5
    aircall_call_back_seconds_bucket{number_id="1234",number="French Office",le="900.0"} 3
    """
    for reason, count in row.missed.items():
        yield MISSED_CALLS, (*row.number, reason), count
    yield CALL_ANSWER, row.number, row.answer
    yield CALL_ABANDON, row.number, row.abandon
    for direction, histogram in row.talk.items():
        yield CALL_TALK, (*row.number, direction), histogram
    yield CALL_QUEUE, row.number, row.queue
    for result, count in row.call_backs.items():
        yield CALL_BACKS, (*row.number, result), count
    yield CALL_BACK_TIME, row.number, row.call_back


def team_samples(row: TeamCounters) -> Iterator[Sample]:
    """Yield the counters of a team.

    aircall_team_calls_total{team_id="678",team="Global Sales",direction="inbound",outcome="answered"} 12
    aircall_team_call_answer_seconds_sum{team_id="678",team="Global Sales"} 99
    """
    for kind, count in row.calls.items():
        yield TEAM_CALLS, (*row.team, *kind), count
    yield TEAM_CALL_ANSWER, row.team, row.answer
