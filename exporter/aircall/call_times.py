"""Check the times of a call against each other, so that no wrong time reaches a sum."""

from collections.abc import Set

from msgspec.structs import replace

from exporter.aircall.models import Call

API_HISTORY_S = 182 * 86_400
"""Seconds for which Aircall keeps calls (API reference: six months)."""

MAX_CALL_S = API_HISTORY_S + 86_400
"""Maximum seconds from the start of a call to its answer or its end: Aircall no longer lists older calls.

It is a day longer than the history, so that a call at the edge of the history keeps its times.
"""

CLOCK_DIFFERENCE_S = 60
"""Seconds by which a call's times may be in the wrong order, because several clocks set them."""

TIMES = frozenset({"answered_at", "ended_at"})
"""The times of a call that can be unreadable or impossible without affecting its other fields."""


def is_during(call: Call, at: float) -> bool:
    """Return whether something may have happened `at` (UNIX seconds, Aircall's clock) in a call."""
    return -CLOCK_DIFFERENCE_S <= at - call.started_at <= MAX_CALL_S


def impossible_times(call: Call) -> frozenset[str]:
    """Return the names of the times that the other times of the call contradict."""
    impossible = set()
    latest_answer = call.started_at + MAX_CALL_S
    if call.ended_at is not None:
        if is_during(call, call.ended_at):
            latest_answer = call.ended_at + CLOCK_DIFFERENCE_S
        else:
            impossible.add("ended_at")
    answered_at = call.answered_at
    if answered_at is not None and (not is_during(call, answered_at) or answered_at > latest_answer):
        impossible.add("answered_at")
    return frozenset(impossible)


def without_times(call: Call, names: Set[str]) -> Call:
    """Return the call without the times of these `names`.

    It still counts as answered if Aircall reported an answer. The answer is then dated at the start.
    """
    if TIMES.isdisjoint(names):
        return call
    ended_at = None if "ended_at" in names else call.ended_at
    answered_at = call.answered_at
    if "answered_at" in names:
        is_answered = call.status != "initial" and not call.missed_call_reason
        answered_at = call.started_at if is_answered else None
    return replace(call, answered_at=answered_at, ended_at=ended_at)
