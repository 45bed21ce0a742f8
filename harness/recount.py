"""A plain recount of the simulated account's calls: slow, plain, and without the exporter's code."""

from collections.abc import Collection, Iterable
from statistics import fmean
from typing import NamedTuple

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
    if by_ai_agent(call):
        return "ai_agent"
    if call.direction == "inbound":
        return "answered"
    return "unanswered" if call.answered_at is None else "outbound"


def by_ai_agent(call: SimulatedCall) -> bool:
    """Return whether an AI agent handled the call until its end: it is neither answered nor missed."""
    handled = call.status == "done" and call.user is None and call.missed_call_reason is None
    return call.direction == "inbound" and bool(call.ai_agents) and handled


FIRST_MENU = 120
"""Seconds after which a caller who has chosen nothing counts as waiting."""


def in_menu(call: SimulatedCall, now: float) -> bool:
    """Return whether a waiting caller is in the menu of a number, or talks to an AI agent."""
    is_choosing = call.number is not None and call.number.is_ivr and not call.ivr_options
    return call.ai_agent is not None or (is_choosing and now - call.started_at < FIRST_MENU)


def waits_from(call: SimulatedCall) -> int:
    """Return when the caller began to wait for a person, in UNIX seconds.

    The wait begins at the end of the last menu or AI agent, or at the start without either. It does not begin
    after the answer, or the end of a missed call.
    """
    end = call.answered_at if call.missed_call_reason is None else call.ended_at
    begin = call.started_at if call.left_menu_at is None else call.left_menu_at
    return max(call.started_at, begin if end is None else min(begin, end))


def count(calls: Iterable[SimulatedCall], direction: str, outcome: str) -> int:
    """Return the number of calls with this direction and outcome."""
    if (direction, outcome) == ("inbound", "missed"):
        return sum(call.direction == "inbound" and call.missed_call_reason is not None for call in calls)
    answered = outcome == "answered"
    return sum(
        call.direction == direction
        and call.missed_call_reason is None
        and not by_ai_agent(call)
        and (call.answered_at is not None) == answered
        for call in calls
    )


def times_to_answer(calls: Iterable[SimulatedCall]) -> list[int]:
    """Return the seconds that the caller of each answered inbound call waited for a person."""
    return [
        call.answered_at - waits_from(call)
        for call in calls
        if call.direction == "inbound" and call.answered_at is not None
        if call.missed_call_reason is None and not by_ai_agent(call)
    ]


def average_answer(calls: Iterable[SimulatedCall]) -> float | None:
    """Return the average time to answer in seconds, or None without answered calls."""
    waits = times_to_answer(calls)
    return fmean(waits) if waits else None


def average_call(calls: Iterable[SimulatedCall]) -> float | None:
    """Return the average duration in seconds, or None without finished calls.

    Calls that an AI agent handled do not count.
    """
    lengths = [call.duration for call in calls if call.ended_at is not None and not by_ai_agent(call)]
    return fmean(lengths) if lengths else None


class Definition(NamedTuple):
    """A definition of the service level: the seconds that are in time, and the calls that do not count."""

    within: float = CRITICAL
    ignored_below: float = 0
    """Calls that the caller ended sooner do not count."""
    ignored_reasons: tuple[str, ...] = ()


DEFAULT = Definition()


def abandoned(call: SimulatedCall) -> bool:
    """Return whether the caller ended the call before an answer."""
    return call.missed_call_reason in ("short_abandoned", "abandoned_in_ivr", "abandoned_in_classic")


def length(call: SimulatedCall) -> int:
    """Return the seconds from the beginning of the wait in a finished call to the call's end."""
    assert call.ended_at is not None
    return call.ended_at - waits_from(call)


def counts(call: SimulatedCall, by: Definition) -> bool:
    """Return whether a missed call counts by a definition."""
    too_short = abandoned(call) and length(call) < by.ignored_below
    return not too_short and call.missed_call_reason not in by.ignored_reasons


def service_level(
    answered: Iterable[SimulatedCall], missed: Iterable[SimulatedCall], by: Definition = DEFAULT
) -> float | None:
    """Return the share of calls that were answered in time, or None without calls."""
    waits = times_to_answer(answered)
    offered = len(waits) + sum(counts(call, by) for call in missed)
    return sum(wait <= by.within for wait in waits) / offered if offered else None


def results(
    answered: Iterable[SimulatedCall], missed: Iterable[SimulatedCall], by: Definition
) -> dict[str, int]:
    """Return how many calls that count were answered in time or late, abandoned, or missed otherwise."""
    waits = times_to_answer(answered)
    gave_up = [abandoned(call) for call in missed if counts(call, by)]
    in_time = sum(wait <= by.within for wait in waits)
    return {
        "in_time": in_time,
        "late": len(waits) - in_time,
        "abandoned": sum(gave_up),
        "missed": len(gave_up) - sum(gave_up),
    }


def shares(
    answered: Iterable[SimulatedCall], missed: Iterable[SimulatedCall], by: Definition
) -> tuple[float | None, float | None, float | None]:
    """Return the share of missed calls, that of abandoned ones, and the average wait of the abandoned."""
    counting = [call for call in missed if counts(call, by)]
    gave_up = [length(call) for call in counting if abandoned(call)]
    offered = count(answered, "inbound", "answered") + len(counting)
    if not offered:
        return None, None, None
    return len(counting) / offered, len(gave_up) / offered, fmean(gave_up) if gave_up else None


def missed(calls: Iterable[SimulatedCall]) -> list[SimulatedCall]:
    """Return the inbound missed calls."""
    return [call for call in calls if call.direction == "inbound" and call.missed_call_reason is not None]


def missed_on(calls: Iterable[SimulatedCall], number_ids: Collection[int]) -> list[SimulatedCall]:
    """Return the missed calls on these numbers."""
    return [call for call in missed(calls) if call.number_id in number_ids]
