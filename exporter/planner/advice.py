"""What to change where the budget is short of what is asked for."""

import math
from collections.abc import Iterator

from exporter.aircall.budget import RequestBudget
from exporter.config import Settings
from exporter.durations import Duration
from exporter.planner.company import Company, model
from exporter.planner.plan import LATENCY, Plan
from exporter.polling import costs, schedule
from exporter.polling.schedule import CORE

ON_TARGET = 1.05
"""How many times its target an interval may be that still passes for met."""

LONG_MAPPING = 3600.0
"""Seconds for reading the assignments from which on that is worth a word."""


def advice(plan: Plan, settings: Settings) -> Iterator[str]:
    """What to change, a piece of advice each; none where everything can be had."""
    stretched = [
        name for name in CORE if plan.readings[name].interval > ON_TARGET * plan.readings[name].target
    ]
    for name in stretched:
        possible = Duration(math.ceil(plan.readings[name].interval))
        yield f"set refresh.{name} to {possible}, which is what the budget allows"
    if stretched:
        needed, suffices = enough(plan.company, settings)
        share = needed * settings.aircall.budget_share / plan.limit
        if share <= 1:
            rounded = math.ceil(100 * share) / 100
            yield f"set aircall.budget_share to {rounded:g}, if hardly anybody else asks Aircall"
        if needed > plan.limit:
            purpose = (
                "to have what refresh asks for" if suffices else "as many as one after the other can be made"
            )
            yield f"ask Aircall for {needed:g} requests a minute, {purpose}"
    if plan.first_read.get("assignments", 0) > LONG_MAPPING:
        requests = costs.assignments(plan.company.users, plan.company.numbers)
        yield f"set map_users_to_numbers to false: it saves {requests} requests, and missed calls by user go"


def enough(company: Company, settings: Settings) -> tuple[float, bool]:
    """The limit (requests a minute, in tens) from which on the board is as fresh as asked for.

    Or else the highest one that can be used, as one request goes out after the other.
    """
    targets, cost = schedule.targets(settings), model(company, settings)
    late_edits, limit, found = costs.late_edits(company.calls_per_second), 0.0, False
    while not found and limit * settings.aircall.budget_share < 60 / LATENCY:
        limit += 10
        budget = RequestBudget(settings.aircall.budget_share, limit).sustained
        intervals = schedule.intervals(cost, targets, budget, late_edits)
        found = all(intervals[name] <= ON_TARGET * targets[name] for name in CORE)
    return limit, found
