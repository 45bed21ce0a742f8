"""Decide how often each dataset is fetched, from costs, targets and budget.

Live data comes first. The rest of the budget goes to the other datasets, in the order of `DATASETS`. If the
budget is too small, intervals grow, which `aircall_poll_interval_seconds` shows.
"""

import math
from collections.abc import Iterable, Mapping, Set

from exporter.config.settings import Settings
from exporter.polling.costs import Cost

ENDED_CALLS = "endings"
"""The task that fetches active calls that may have ended. Its results belong to the dataset `calls`."""

WEIGHTS = {"calls": 3, "availabilities": 3, ENDED_CALLS: 1}
"""How live data share the budget, after the requests for new calls, if it is too small for all of them."""

LIVE = tuple(WEIGHTS)
CORE = ("calls", "availabilities")
DIRECTORY = ("users", "teams", "numbers")

SUBSTATUSES = "substatuses"
"""Why users are away: the list of users again, fetched as often as this delays nothing else."""

AVAILABILITY_CHANGES, ON_DEMAND_REQUESTS = ON_DEMAND = ("availability changes", "on-demand requests")
"""The tasks of requests for which a client waits: to change a user's availability, and to fetch one call."""

DATASETS = (*CORE, *DIRECTORY, SUBSTATUSES, "assignments")
"""All datasets, in the order in which they are served if several are due."""

SHARE_AT_START = 0.5
"""`SHARE_FOR_REST` while live data are known and names are not yet: a dashboard needs both."""

SHARE_FOR_REST = 0.2
"""Guaranteed share, for data that are not live, of the budget that requests for new calls leave."""

SHARE_FOR_SUBSTATUSES = 0.05
"""Part of `SHARE_FOR_REST` that is guaranteed to substatuses."""

SHARE_FOR_ENDED_CALLS = 1 / 3
"""Largest share for ended calls of the budget that keeping up with the other live data leaves."""

EVENT_TIMEOUT_S = 300.0
"""Seconds after the last event until events are taken to have stopped."""

SYNC_TOLERANCE = 1.05
"""Largest ratio of two intervals that count as the same."""

MAX_INTERVAL_S = 86_400.0
MAX_LIVE_INTERVAL_S = 3600.0
"""Longest intervals, in seconds: of any dataset, and of live data, however small the budget is."""


def intervals(
    costs: Mapping[str, Cost],
    targets: Mapping[str, float],
    budget: float,
    archive: float = 0.0,
    share_for_rest: float = SHARE_FOR_REST,
) -> dict[str, float]:
    """Return the interval in seconds at which each dataset is fetched. None is shorter than its target.

    If live data need more than the budget, it is split by `WEIGHTS`, and unused shares go to the others. The
    rate that prevents an ever-growing backlog is served first. Substatuses get a small share, and whatever
    nothing else needs.

    Args:
        costs: The cost of each dataset.
        targets: Seconds.
        budget: Requests per minute that can be sustained.
        archive: Requests per minute for the backfill and rechecks.
        share_for_rest: Guaranteed share, for data that are not live, of what new calls leave.
    """
    demand = {dataset: rate(cost, targets[dataset]) for dataset, cost in costs.items()}
    not_live = spare_share(costs, budget) * budget
    substatuses = min(demand.pop(SUBSTATUSES, 0.0), SHARE_FOR_SUBSTATUSES * not_live)
    rest = sum(rate for dataset, rate in demand.items() if dataset not in LIVE)
    live = {dataset: rate for dataset, rate in demand.items() if dataset in LIVE}
    reserved = min(rest + substatuses + archive, share_for_rest * not_live)
    shares = live_shares(live, _min_rates(costs, live, budget - reserved), budget - reserved)
    found = _synchronise(
        {dataset: _interval(costs[dataset], targets[dataset], shares[dataset]) for dataset in live}
    )
    left = budget - sum(rate(costs[dataset], found[dataset]) for dataset in live)
    stretch = max(1.0, rest / (left - substatuses)) if left > substatuses else math.inf
    found |= {
        dataset: min(MAX_INTERVAL_S, targets[dataset] * stretch) for dataset in demand.keys() - found.keys()
    }
    if SUBSTATUSES in costs:
        left = budget - sum(rate(costs[dataset], found[dataset]) for dataset in demand)
        share = min(left, max(substatuses, left - archive))
        needed = rate(costs[SUBSTATUSES], targets[SUBSTATUSES])
        stretch = max(1.0, needed / share) if share > 0 else math.inf
        found[SUBSTATUSES] = min(MAX_INTERVAL_S, targets[SUBSTATUSES] * stretch)
    return {dataset: found[dataset] for dataset in costs}


def targets(settings: Settings, covered: Set[str] = frozenset()) -> dict[str, float]:
    """Return the target interval in seconds of each dataset, and of calls that may have ended.

    Data that are `covered` by events are fetched only to verify them, at the webhook's interval.
    """
    names = [name for name in DATASETS if name != "assignments" or settings.map_users_to_numbers]
    found = {name: float(getattr(settings.refresh, name)) for name in names}
    found[ENDED_CALLS] = found["calls"]
    return found | {name: max(found[name], float(settings.webhook.refresh)) for name in covered}


def event_covered(
    now: float, last_call_event_at: float, last_user_event_at: float, in_doubt: bool
) -> frozenset[str]:
    """Return which live data events keep up to date at `now`. Times are seconds on one clock.

    While the state of a user is `in_doubt`, availabilities are not among them.
    """
    calls = {"calls", ENDED_CALLS} if now - last_call_event_at <= EVENT_TIMEOUT_S else set()
    users = {"availabilities"} if now - last_user_event_at <= EVENT_TIMEOUT_S and not in_doubt else set()
    return frozenset(calls | users)


def rate(cost: Cost, interval: float) -> float:
    """Return the requests per minute that fetching every `interval` seconds takes."""
    return 60 * cost(interval) / interval


def min_rate(cost: Cost) -> float:
    """Return the requests per minute below which the backlog grows indefinitely."""
    return 60 * cost.uncapped(MAX_LIVE_INTERVAL_S) / MAX_LIVE_INTERVAL_S


def _min_rates(costs: Mapping[str, Cost], live: Iterable[str], available: float) -> dict[str, float]:
    """Return the rates that live data need to keep up. That of ended calls is limited."""
    least = {dataset: min_rate(costs[dataset]) for dataset in live}
    left = available - sum(least[dataset] for dataset in least if dataset != ENDED_CALLS)
    if ENDED_CALLS in least:
        least[ENDED_CALLS] = max(0.0, min(least[ENDED_CALLS], SHARE_FOR_ENDED_CALLS * left))
    return least


def spare_share(costs: Mapping[str, Cost], budget: float) -> float:
    """Return the share of the budget (0 to 1) that keeping up with live data does not need."""
    needed = sum(min_rate(cost) for name, cost in costs.items() if name in LIVE)
    return max(0.0, 1 - needed / budget)


def live_shares(
    demand: Mapping[str, float], least: Mapping[str, float], available: float
) -> dict[str, float]:
    """Return the requests per minute for each live dataset: `least`, to keep up, and a share of the rest."""
    needed = sum(least.values())
    if needed >= available:
        return {dataset: available * part / needed for dataset, part in least.items()}
    more = weighted_shares({d: demand[d] - least[d] for d in demand}, available - needed)
    return {dataset: least[dataset] + more[dataset] for dataset in demand}


def weighted_shares(demand: Mapping[str, float], available: float) -> dict[str, float]:
    """Split `available` by `WEIGHTS`. No dataset gets more than its demand."""
    shares: dict[str, float] = {}
    waiting = sorted(demand, key=lambda dataset: demand[dataset] / WEIGHTS[dataset])
    for position, dataset in enumerate(waiting):
        left = available - sum(shares.values())
        weight = sum(WEIGHTS[other] for other in waiting[position:])
        shares[dataset] = min(demand[dataset], left * WEIGHTS[dataset] / weight)
    return shares


def _interval(cost: Cost, target: float, share: float) -> float:
    """Return the shortest interval, at least `target`, that costs at most `share` requests per minute."""
    if rate(cost, target) <= share * (1 + 1e-9):  # allows for rounding in the shares
        return target
    short, long = target, max(target, MAX_LIVE_INTERVAL_S)
    while long - short > 0.001 * short:
        middle = math.sqrt(short * long)
        if rate(cost, middle) > share:
            short = middle
        else:
            long = middle
    return long


def _synchronise(intervals: Mapping[str, float]) -> dict[str, float]:
    """Make the intervals of availabilities and of ended calls equal if they hardly differ.

    Availabilities show which calls may have ended, so fetching those right afterwards finds most of them.
    """
    both = {name: intervals[name] for name in ("availabilities", ENDED_CALLS) if name in intervals}
    if both and max(both.values()) <= SYNC_TOLERANCE * min(both.values()):
        both = dict.fromkeys(both, max(both.values()))
    return {**intervals, **both}


def share_for_rest(known: Iterable[str]) -> float:
    """Return the share of the budget that is reserved for data that are not live."""
    waits_for_names = set(CORE) <= set(known) and not set(DIRECTORY) <= set(known)
    return SHARE_AT_START if waits_for_names else SHARE_FOR_REST
