"""How soon a company is known after a start, request by request as the poller would make them."""

import math

from exporter import costs, schedule
from exporter.aircall.budget import RequestBudget
from exporter.config import Settings
from exporter.planner.company import Company, lists, model
from exporter.schedule import BOARD, DIRECTORY, ENDINGS, LIVE, SUBSTATUSES

_NEEDS = {ENDINGS: set(BOARD), "assignments": {"users", "numbers"}}
"""What has to be known before something can be asked for."""


def first_read(company: Company, settings: Settings, limit: float, latency: float) -> dict[str, float]:
    """In how many seconds each dataset has been read once, where an answer takes `latency` seconds."""
    budget, turns = RequestBudget(settings.aircall.budget_share, limit), schedule.Turns()
    targets, cost, whole = schedule.targets(settings), model(company, settings), lists(company, settings)
    free = schedule.free(cost, budget.sustained)
    lanes = [name for name in (*LIVE, *DIRECTORY, SUBSTATUSES, "assignments") if name in targets]
    known: dict[str, float] = {}
    due, made = dict.fromkeys(lanes, 0.0), dict.fromkeys(lanes, 0)
    owed = {name: float(whole.get(name, 0)) for name in lanes}
    now = 0.0

    def read(name: str) -> None:
        """A reading has come to its end: the next one is due, as soon as it has something to ask."""
        known.setdefault(name, now)
        share = schedule.share_for_rest(known)
        interval = schedule.intervals(cost, targets, budget.sustained, math.inf, share)[name]
        requests = cost[name](interval)
        seldom = max(1.0, 1 / requests) if requests else math.inf
        due[name] = max(now, due[name] + interval * seldom)
        owed[name] += max(1.0, requests) - made[name]
        made[name] = 0

    while not known.keys() >= set(lanes) - {ENDINGS}:
        now = max(now, budget.ready_at)
        ready = [name for name in lanes if due[name] <= now and _NEEDS.get(name, set()) <= known.keys()]
        name = turns.next(ready, schedule.share_for_rest(known), free)
        if name is None:
            now = min(at for at in due.values() if at > now)
            continue
        if name not in known and name == "calls":  # more of them begin while they are read
            owed[name] = costs.call_pages(company.calls_per_second * (settings.activity_period + now))
        if name not in known and name == ENDINGS and not made[name]:
            owed[name] = cost[name](now)
        if made[name] < owed[name] - 0.5:
            budget.spend(now)
            now += latency
            made[name] += 1
        if made[name] >= owed[name] - 0.5:
            read(name)
    return known
