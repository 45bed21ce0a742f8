"""How often the datasets of an account at hand are read: what they cost, as far as it is known by now."""

import math
from collections.abc import Callable, Mapping, Set

from exporter.account.account import Account
from exporter.planner.company import Company
from exporter.polling import costs, schedule
from exporter.polling.costs import Cost
from exporter.polling.schedule import ENDED_CALLS, SUBSTATUSES
from exporter.polling.task import DatasetTask

_MODELS: Mapping[str, Callable[[float], Cost]] = {"calls": costs.calls, ENDED_CALLS: costs.ended_calls}
"""What costs the more the longer it was left alone, given how many calls begin in a second."""


def intervals(account: Account, cost: Mapping[str, Cost], budget: float, told: Set[str]) -> dict[str, float]:
    """Every how many seconds each is read, out of `budget` requests a minute that can go on for ever.

    `cost` is what a reading of each costs, `told` what events tell of.
    """
    return schedule.intervals(
        cost,
        schedule.targets(account.settings, told),
        budget,
        _archive_demand(account),
        schedule.share_for_rest(account.known),
    )


def costs_now(account: Account, lanes: Mapping[str, DatasetTask]) -> dict[str, Cost]:
    """What a reading of each costs."""
    return {name: _cost(name, lanes[name], account) for name in schedule.targets(account.settings)}


def size(account: Account) -> Company:
    """How large the account is, as far as it is known by now."""
    directory = account.directory
    return Company(
        users=len(directory.users),
        teams=len(directory.members),
        numbers=len(directory.numbers),
        calls_per_hour=3600 * account.calls.calls_per_second,
    )


def learn(name: str, lane: DatasetTask, account: Account) -> None:
    """Compare what a reading took with what was reckoned with."""
    if name in _MODELS:
        lane.update_cost_factor(_MODELS[name](account.calls.calls_per_second)(lane.elapsed))


def _cost(name: str, lane: DatasetTask, account: Account) -> Cost:
    if name in _MODELS and "calls" in account.known:
        return _MODELS[name](account.calls.calls_per_second).scaled(lane.cost_factor)
    directory, requests = account.directory, lane.expected_cost
    if lane.as_of is None:
        if name == "assignments":
            requests = costs.assignments(len(directory.users), len(directory.numbers))
        elif name in ("availabilities", SUBSTATUSES):  # as many as users, whoever was read first
            requests = max(requests, costs.list_pages(len(directory.users)))
    return costs.constant(requests)


def _archive_demand(account: Account) -> float:
    """Requests a minute that the archive could do with."""
    if account.ledger.totals is None:
        return 0.0
    if account.seconds_to_read:
        return math.inf
    return costs.late_edits(account.calls.calls_per_second)
