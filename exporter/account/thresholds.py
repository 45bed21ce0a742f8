"""Compare the KPIs on the board with the configured thresholds.

The tutorial asks for it ("Should we define thresholds for certain KPIs and highlight them when they are
exceeded"). A threshold is exceeded by a value above it (below it for the service level), not by an equal one.
Without a value, it is not exceeded.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

from exporter.account.board import CallCounts, GroupFigures, NumberRow, TeamRow, UserFigures, UserRow
from exporter.aircall.substatus import UNKNOWN, normalised
from exporter.config.settings import Thresholds
from exporter.durations import Duration

ThresholdCheck = tuple[str, bool]
"""A KPI's name, as in the configuration, and whether its threshold is exceeded."""

_TIMED = ("in_call", "after_call_work", "do_not_disturb")
"""States with a threshold for the time in state."""


def user_checks(row: UserRow, thresholds: Thresholds, now: float) -> Iterator[ThresholdCheck]:
    """Yield the checks of a user at `now` (UNIX seconds, our clock) for the thresholds that are set."""
    figures = row.figures["recent"]
    yield from _call_checks(figures, missed_share(figures.calls), thresholds, thresholds.missed_rate)
    in_state = now - row.since if row.since is not None else 0.0
    limit = _limit(row, thresholds)
    for state in _TIMED:
        if _is_set(state, thresholds):
            yield state, row.state == state and 0 < limit < in_state


def next_change_at(row: UserRow, thresholds: Thresholds, now: float) -> float:
    """Return when a check of the user changes without new data (UNIX seconds, our clock), or infinity."""
    limit = _limit(row, thresholds)
    if not limit or row.since is None or now - row.since > limit:
        return math.inf
    return row.since + limit


def _is_set(state: str, thresholds: Thresholds) -> bool:
    """Return whether the time in this state has a threshold, at least for one substatus."""
    by_substatus = state == "do_not_disturb" and any(thresholds.substatus.values())
    return by_substatus or getattr(thresholds, state) > 0


def _limit(row: UserRow, thresholds: Thresholds) -> float:
    """Return the longest time in seconds in the user's present state, or 0 if it has no threshold."""
    if row.state not in _TIMED:
        return 0.0
    limit: float = getattr(thresholds, row.state)
    if row.state != "do_not_disturb" or not thresholds.substatus:
        return limit
    return _by_substatus(tuple(thresholds.substatus.items())).get(row.substatus or UNKNOWN, limit)


@lru_cache
def _by_substatus(thresholds: tuple[tuple[str, Duration], ...]) -> dict[str, float]:
    return {normalised(key): limit for key, limit in thresholds}


def _call_checks(
    figures: UserFigures | GroupFigures, missed: float | None, thresholds: Thresholds, missed_rate: float
) -> Iterator[ThresholdCheck]:
    """Yield the checks of the calls of the activity period, of which `missed` is the missed share."""
    if thresholds.average_call:
        yield "average_call", (figures.average_call or 0.0) > thresholds.average_call
    if missed_rate and missed is not None:
        yield "missed_rate", missed > missed_rate


def group_checks(row: TeamRow | NumberRow, thresholds: Thresholds) -> Iterator[ThresholdCheck]:
    """Yield the checks of a team or number: those of its calls, and of its service level."""
    figures, target = row.figures["recent"], row.rules.target
    inbound = figures.inbound
    missed = None if inbound is None else inbound.missed_ratio or 0.0
    yield from _call_checks(figures, missed, thresholds, row.rules.missed_rate)
    if row.rules.abandoned_rate and inbound is not None:
        yield "abandoned_rate", (inbound.abandoned_ratio or 0.0) > row.rules.abandoned_rate
    if target:
        level = inbound.service_level if inbound else None
        yield "service_level", level is not None and level < target


def missed_share(calls: CallCounts) -> float | None:
    """Return the share of inbound calls that were missed: 0 without calls, None if that is unknown."""
    missed = calls.get(("inbound", "missed"))
    if missed is None:
        return None
    inbound = missed + calls["inbound", "answered"]
    return missed / inbound if inbound else 0.0
