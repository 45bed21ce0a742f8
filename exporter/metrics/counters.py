"""Counters: each finished call counted once over all series, so that `sum()` is the truth."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from exporter.account.board import Board
from exporter.metrics.family import Family

CALLS = Family(
    "aircall_calls_total",
    "counter",
    "Finished calls, each counted once; the user is empty where none took part.",
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

FAMILIES = (CALLS, MISSED_CALLS, TEAM_CALLS, CALL_ANSWER, CALL_TALK, USER_ANSWER, USER_TALK)


def collect(board: Board) -> Iterator[Metric]:
    """Expose the counters, once the calls have been read whole: so none of them leaps while they are:

    aircall_calls_total{user_id="456",user="John Doe",number_id="1234",number="French Office",…} 7
    aircall_missed_calls_total{number_id="1234",number="French Office",reason="no_available_agent"} 3
    aircall_team_calls_total{team_id="678",team="Global Sales",direction="inbound",outcome="answered"} 12
    aircall_call_answer_seconds_bucket{number_id="1234",number="French Office",le="10.0"} 9
    aircall_call_talk_seconds_bucket{number_id="1234",number="French Office",direction="inbound",le="60.0"} 4
    aircall_user_answer_seconds_sum{user_id="456",user="John Doe"} 41
    aircall_user_talk_seconds_count{user_id="456",user="John Doe",direction="inbound"} 7
    """
    counters = board.counters
    if counters is None:
        return
    yield CALLS.counter(((*user, *number, *kind), n) for (user, number, *kind), n in counters.calls.items())
    yield MISSED_CALLS.counter(((*number, reason), n) for (number, reason), n in counters.missed.items())
    yield TEAM_CALLS.counter(((*team, *kind), n) for (team, *kind), n in counters.teams.items())
    yield CALL_ANSWER.histogram(counters.number_answer.items())
    yield CALL_TALK.histogram(
        ((*number, way), spread) for (number, way), spread in counters.number_talk.items()
    )
    yield USER_ANSWER.summary(counters.user_answer.items())
    yield USER_TALK.summary(((*user, way), total) for (user, way), total in counters.user_talk.items())
