"""A plain recount of the simulated account's calls: slow, plain, and without the exporter's code."""

from collections.abc import Iterable
from statistics import fmean

from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount

PERIOD = 900
CRITICAL = 20


def finished(account: SimulatedAccount, now: float, period: float = PERIOD) -> list[SimulatedCall]:
    """Return the finished calls that started in the last `period` seconds."""
    return [
        call
        for call in account.calls.values()
        if call.ended_at is not None and call.started_at >= now - period
    ]


def in_period(account: SimulatedAccount, now: float) -> list[SimulatedCall]:
    """Return the calls that a board of that time sums: those of the activity period that had ended."""
    return [call for call in finished(account, now) if call.ended_at is not None and call.ended_at <= now]


def kind(call: SimulatedCall) -> str:
    """Return a finished call's outcome, as the bars name it."""
    if call.missed_call_reason is not None:
        return "missed"
    if call.direction == "inbound":
        return "answered"
    return "unanswered" if call.answered_at is None else "outbound"


def count(calls: Iterable[SimulatedCall], direction: str, outcome: str) -> int:
    """Return the number of calls with this direction and outcome."""
    if (direction, outcome) == ("inbound", "missed"):
        return sum(call.direction == "inbound" and call.missed_call_reason is not None for call in calls)
    answered = outcome == "answered"
    return sum(
        call.direction == direction
        and call.missed_call_reason is None
        and (call.answered_at is not None) == answered
        for call in calls
    )


def average_answer(calls: Iterable[SimulatedCall]) -> float | None:
    """Return the average time to answer in seconds, or None without answered calls."""
    waits = [
        call.answered_at - call.started_at
        for call in calls
        if call.direction == "inbound" and call.answered_at is not None
    ]
    return fmean(waits) if waits else None


def average_call(calls: Iterable[SimulatedCall]) -> float | None:
    """Return the average duration in seconds, or None without finished calls."""
    lengths = [call.ended_at - call.started_at for call in calls if call.ended_at is not None]
    return fmean(lengths) if lengths else None


def service_level(answered: Iterable[SimulatedCall], missed: int) -> float | None:
    """Return the share of calls that were answered in time, or None without calls."""
    waits = [
        call.answered_at - call.started_at
        for call in answered
        if call.direction == "inbound" and call.answered_at is not None
    ]
    in_time = sum(wait <= CRITICAL for wait in waits)
    return in_time / (len(waits) + missed) if waits or missed else None


def missed_on(calls: Iterable[SimulatedCall], number_ids: set[int]) -> int:
    """Return the number of missed calls on these numbers."""
    return count([call for call in calls if call.number_id in number_ids], "inbound", "missed")
