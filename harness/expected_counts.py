"""Compute the calls and counters that an exporter of a simulated account must have, and those that it has.

The expected ones are counted from the account without the exporter's code.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Row

from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.scrape import Scrape

COLUMNS = (
    *("direction", "status", "outcome", "missed_call_reason", "caller"),
    *("started_at", "answered_at", "ended_at", "user_id", "number_id"),
    *("recorded", "voicemail", "counted", "counted_for_teams"),
)
"""The archive's columns that are compared, in this order."""

ArchivedCalls = dict[int, tuple[Any, ...]]
Counts = dict[str, Counter[tuple[str, ...]]]

ANSWER_BOUNDS = ("2.0", "5.0", "10.0", "15.0", "20.0", "30.0", "45.0", "60.0", "120.0", "300.0", "+Inf")
"""Buckets of the time to answer with any configuration, to which those of queue_wait are added."""
TALK_BOUNDS = ("10.0", "30.0", "60.0", "120.0", "300.0", "600.0", "1200.0", "1800.0", "3600.0", "+Inf")

FAMILIES = {
    "calls": ("aircall_calls_total", ("user_id", "number_id", "direction", "outcome")),
    "missed": ("aircall_missed_calls_total", ("number_id", "reason")),
    "teams": ("aircall_team_calls_total", ("team_id", "direction", "outcome")),
    "answer": ("aircall_call_answer_seconds_sum", ("number_id",)),
    "answer buckets": ("aircall_call_answer_seconds_bucket", ("number_id", "le")),
    "team answer": ("aircall_team_call_answer_seconds_sum", ("team_id",)),
    "team answer buckets": ("aircall_team_call_answer_seconds_bucket", ("team_id", "le")),
    "abandon": ("aircall_call_abandon_seconds_sum", ("number_id",)),
    "abandon buckets": ("aircall_call_abandon_seconds_bucket", ("number_id", "le")),
    "talk": ("aircall_call_talk_seconds_sum", ("number_id", "direction")),
    "talk buckets": ("aircall_call_talk_seconds_bucket", ("number_id", "direction", "le")),
    "user answers": ("aircall_user_answer_seconds_count", ("user_id",)),
    "user answer": ("aircall_user_answer_seconds_sum", ("user_id",)),
    "user talks": ("aircall_user_talk_seconds_count", ("user_id", "direction")),
    "user talk": ("aircall_user_talk_seconds_sum", ("user_id", "direction")),
}
"""The counters that are compared: name of the sample, and its labels."""


def expected_calls(account: SimulatedAccount) -> ArchivedCalls:
    """Return the account's calls, as rows of the archive."""
    return {
        call.id: (
            *(call.direction, call.status, outcome(call), call.missed_call_reason, call.raw_digits),
            *(call.started_at, call.answered_at, call.ended_at, call.user_id, call.number_id),
            *(call.recorded, call.voicemail, call.ended_at is not None, call.ended_at is not None),
        )
        for call in account.calls.values()
    }


def archived_calls(rows: Iterable[Row[Any]]) -> ArchivedCalls:
    """Return the archive's calls, in the same form."""
    return {row.id: tuple(getattr(row, column) for column in COLUMNS) for row in rows}


def to_be_counted(account: SimulatedAccount, calls: Iterable[SimulatedCall] | None = None) -> Counts:
    """Return the expected value of each series for the given calls, by default all."""
    counts: Counts = {family: Counter() for family in FAMILIES}
    for call in account.calls.values() if calls is None else calls:
        for family, labels, amount in adds(account, call):
            counts[family][labels] += amount
    return {family: +count for family, count in counts.items()}


def adds(account: SimulatedAccount, call: SimulatedCall) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Yield the increments of a finished call: family, values of the labels, amount."""
    if call.ended_at is None:
        return
    user, number, way = str(call.user_id or ""), str(call.number_id or ""), call.direction
    kind = (way, str(outcome(call)))
    yield "calls", (user, number, *kind), 1
    if call.missed_call_reason is not None:
        yield "missed", (number, call.missed_call_reason), 1
    if recount.abandoned(call):
        lasted = recount.length(call)
        yield "abandon", (number,), lasted
        yield from (("abandon buckets", (number, le), 1) for le in ANSWER_BOUNDS if lasted <= float(le))
    teams = teams_of(account, call)
    yield from (("teams", (team, *kind), 1) for team in teams)
    if call.answered_at is None:
        return
    talked, waited = call.ended_at - call.answered_at, call.answered_at - recount.waits_from(call)
    for team in teams if way == "inbound" else ():
        yield "team answer", (team,), waited
        yield from (("team answer buckets", (team, le), 1) for le in ANSWER_BOUNDS if waited <= float(le))
    yield "talk", (number, way), talked
    yield from (("talk buckets", (number, way, le), 1) for le in TALK_BOUNDS if talked <= float(le))
    if user:
        yield "user talks", (user, way), 1
        yield "user talk", (user, way), talked
    if way == "inbound":
        yield "answer", (number,), waited
        yield from (("answer buckets", (number, le), 1) for le in ANSWER_BOUNDS if waited <= float(le))
        if user:
            yield "user answers", (user,), 1
            yield "user answer", (user,), waited


def counted(scrape: Scrape) -> Counts:
    """Return the counters of a scrape, in the same form."""
    counts: Counts = {}
    for family, (name, labels) in FAMILIES.items():
        series = ((dict(found), int(value)) for found, value in scrape.all(name).items())
        counts[family] = +Counter(
            {
                tuple(found[label] for label in labels): value
                for found, value in series
                if family == "talk buckets" or found.get("le", "+Inf") in ANSWER_BOUNDS
            }
        )
    return counts


def teams_of(account: SimulatedAccount, call: SimulatedCall) -> set[str]:
    """Return the teams for which a finished call counts, as in docs/metrics.md."""
    if outcome(call) == "missed":
        users = call.number.user_ids if call.number else set()
    else:
        users = {call.user.id} if call.user else set()
    teams = {str(team.id) for team in account.teams.values() if team.user_ids & users}
    in_teams = set[int]().union(*(team.user_ids for team in account.teams.values()))
    return teams | ({"none"} if users - in_teams else set())


def open_calls(account: SimulatedAccount) -> set[int]:
    """Return the ids of the active calls."""
    return {call.id for call in account.calls.values() if call.ended_at is None}


def outcome(call: SimulatedCall) -> str | None:
    """Return answered, missed or unanswered, or None for an active call."""
    if call.ended_at is None:
        return None
    if call.answered_at is not None:
        return "answered"
    return "missed" if call.direction == "inbound" else "unanswered"
