"""What an exporter of a simulated account must have kept and counted, and what it has, call by call."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Row

from exporter.demo.calls import SimulatedCall
from exporter.demo.simulation import SimulatedAccount
from tests.scrape import Scrape


def plan(account: SimulatedAccount) -> dict[int, tuple]:
    """The account's calls, as rows of the archive."""
    return {
        call.id: (
            *(call.direction, call.status, outcome(call), call.missed_call_reason, call.raw_digits),
            *(call.started_at, call.answered_at, call.ended_at, call.user_id, call.number_id),
            *(call.recorded, call.voicemail, call.ended_at is not None, call.ended_at is not None),
        )
        for call in account.calls.values()
    }


def kept(rows: Iterable[Row]) -> dict[int, tuple]:
    """The archive's calls, in the same form."""
    return {
        row.id: (
            *(row.direction, row.status, row.outcome, row.missed_call_reason, row.caller),
            *(row.started_at, row.answered_at, row.ended_at, row.user_id, row.number_id),
            *(row.recorded, row.voicemail, row.counted, row.counted_for_teams),
        )
        for row in rows
    }


def to_be_counted(account: SimulatedAccount) -> dict[str, Counter]:
    """How often each combination of labels is to be found in the counters; talk is in seconds."""
    calls, missed, teams, talk = Counter(), Counter(), Counter(), Counter()
    for call in account.calls.values():
        if call.ended_at is None:
            continue
        user, number, kind = (
            str(call.user_id or ""),
            str(call.number_id or ""),
            (call.direction, outcome(call)),
        )
        calls[user, number, *kind] += 1
        if call.missed_call_reason is not None:
            missed[number, call.missed_call_reason] += 1
        for team in _teams_of(account, call):
            teams[team, *kind] += 1
        if call.answered_at is not None:
            talk[number, call.direction] += call.ended_at - call.answered_at
    return {"calls": calls, "missed": missed, "teams": teams, "talk": talk}


def counted(scrape: Scrape) -> dict[str, Counter]:
    """What the counters say, in the same form."""

    def family(name: str, *labels: str) -> Counter:
        series = scrape.all(name).items()
        return +Counter({tuple(dict(found)[label] for label in labels): int(n) for found, n in series})

    return {
        "calls": family("aircall_calls_total", "user_id", "number_id", "direction", "outcome"),
        "missed": family("aircall_missed_calls_total", "number_id", "reason"),
        "teams": family("aircall_team_calls_total", "team_id", "direction", "outcome"),
        "talk": family("aircall_call_talk_seconds_sum", "number_id", "direction"),
    }


def _teams_of(account: SimulatedAccount, call: SimulatedCall) -> set[str]:
    """The teams that a finished call counts for, as docs/metrics.md says it."""
    if outcome(call) == "missed":
        users = call.number.user_ids if call.number else set()
    else:
        users = {call.user_id} - {None}
    teams = {str(team.id) for team in account.teams.values() if team.user_ids & users}
    in_teams = set().union(*(team.user_ids for team in account.teams.values()))
    return teams | ({"none"} if users - in_teams else set())


def open_calls(account: SimulatedAccount) -> set[int]:
    """The calls that go on."""
    return {call.id for call in account.calls.values() if call.ended_at is None}


def outcome(call: SimulatedCall) -> str | None:
    """None while the call goes on."""
    if call.ended_at is None:
        return None
    if call.answered_at is not None:
        return "answered"
    return "missed" if call.direction == "inbound" else "unanswered"
