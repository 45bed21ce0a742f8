"""Suggest changes of the configuration if the budget is too small for the configured intervals."""

import math
from collections.abc import Iterator

from exporter.aircall.request_budget import RequestBudget
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.polling import costs, schedule
from exporter.polling.company import Company, model
from exporter.polling.plan import DEFAULT_LATENCY_S, Plan
from exporter.polling.schedule import CORE

ON_TARGET_RATIO = 1.05
"""Factor by which an interval may exceed its target and still count as met."""

LONG_ASSIGNMENTS_S = 3600.0
"""Seconds for fetching the assignments above which there is advice about them."""


def advice(plan: Plan, settings: Settings) -> Iterator[str]:
    """Yield suggestions; nothing if the budget is sufficient."""
    stretched = [
        name for name in CORE if plan.readings[name].interval > ON_TARGET_RATIO * plan.readings[name].target
    ]
    for name in stretched:
        possible = Duration(math.ceil(plan.readings[name].interval))
        yield f"set refresh.{name} to {possible}, which is what the budget allows"
    if stretched:
        needed, suffices = enough(plan.company, settings)
        share = needed * settings.aircall.budget_share / plan.limit
        if share <= 1:
            rounded = math.ceil(100 * share) / 100
            yield f"set aircall.budget_share to {rounded:g}, if other integrations send few requests"
        if needed > plan.limit:
            purpose = "to meet the intervals in refresh" if suffices else "the most that can be used"
            yield f"ask Aircall for {needed:g} requests a minute, {purpose}"
    if plan.first_read.get("assignments", 0) > LONG_ASSIGNMENTS_S:
        requests = costs.assignments(plan.company.users, plan.company.numbers)
        yield f"set map_users_to_numbers to false: saves {requests} requests, but drops missed calls by user"


def enough(company: Company, settings: Settings) -> tuple[float, bool]:
    """Return the smallest limit (requests per minute, in tens) that meets the targets, and True.

    If no limit does, returns the highest one that sequential requests can use, and False.
    """
    targets, cost = schedule.targets(settings), model(company, settings)
    late_edits, limit, found = costs.late_edits(company.calls_per_second), 0.0, False
    while not found and limit * settings.aircall.budget_share < 60 / DEFAULT_LATENCY_S:
        limit += 10
        budget = RequestBudget(settings.aircall.budget_share, limit).sustained
        intervals = schedule.intervals(cost, targets, budget, late_edits)
        found = all(intervals[name] <= ON_TARGET_RATIO * targets[name] for name in CORE)
    return limit, found
