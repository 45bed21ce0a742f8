"""Estimate the costs and intervals of the datasets from the present size of the account."""

import math
from collections.abc import Callable, Mapping, Set

from exporter.account.account import Account
from exporter.polling import call_selection, costs, schedule
from exporter.polling.company import Company
from exporter.polling.costs import Cost
from exporter.polling.schedule import ENDED_CALLS, SUBSTATUSES
from exporter.polling.task import DatasetTask

_MODELS: Mapping[str, Callable[[float], Cost]] = {"calls": costs.calls, ENDED_CALLS: costs.ended_calls}
"""Cost models of data that cost more after a longer interval, given how many calls begin per second."""


def intervals(
    account: Account, cost: Mapping[str, Cost], budget: float, covered: Set[str]
) -> dict[str, float]:
    """Return the interval of each dataset in seconds.

    Args:
        account: The account to fetch.
        cost: The cost of each dataset.
        budget: Requests per minute that can be sustained.
        covered: Data that events keep up to date.
    """
    return schedule.intervals(
        cost,
        schedule.targets(account.settings, covered),
        budget,
        _archive_demand(account),
        schedule.share_for_rest(account.known),
    )


def costs_now(account: Account, tasks: Mapping[str, DatasetTask]) -> dict[str, Cost]:
    """Return the cost of each dataset."""
    return {name: _cost(name, tasks[name], account) for name in schedule.targets(account.settings)}


def size(account: Account) -> Company:
    """Return the size of the account, as far as it is known."""
    directory = account.directory
    return Company(
        users=len(directory.users),
        teams=len(directory.members),
        numbers=len(directory.numbers),
        calls_per_hour=3600 * account.calls.calls_per_second,
    )


def learn(name: str, task: DatasetTask, account: Account) -> None:
    """Update the cost factor from the requests that the last fetch took."""
    if name in _MODELS:
        task.update_cost_factor(_MODELS[name](account.calls.calls_per_second)(task.elapsed))


def _cost(name: str, task: DatasetTask, account: Account) -> Cost:
    if name in _MODELS and "calls" in account.known:
        return _MODELS[name](account.calls.calls_per_second).scaled(task.cost_factor)
    directory, requests = account.directory, task.expected_cost
    if task.as_of is None:
        if name == "assignments":
            requests = costs.assignments(len(directory.users), len(directory.numbers))
        elif name in ("availabilities", SUBSTATUSES):  # as many as users, whichever list was fetched first
            requests = max(requests, costs.list_pages(len(directory.users)))
    return costs.constant(requests)


def _archive_demand(account: Account) -> float:
    """Return the requests per minute that the archive can use."""
    if account.ledger.totals is None:
        return 0.0
    if call_selection.backfill_remaining_s(account):
        return math.inf
    return costs.late_edits(account.calls.calls_per_second)
