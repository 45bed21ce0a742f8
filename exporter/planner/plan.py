"""What a company of a given size can have for its requests: how often, how old, how soon.

Made of the functions by which the poller decides, so that a plan is what it will do; nobody is asked.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from exporter import costs, schedule
from exporter.aircall.budget import RequestBudget
from exporter.config import Settings
from exporter.costs import Cost
from exporter.schedule import BOARD, DIRECTORY, ENDINGS, LIVE

LATENCY = 0.3
"""Seconds that Aircall takes to answer, where nothing else is known."""

UNHURRIED = 0.9
"""Part of the budget in use up to which some of it is saved up now and then."""


@dataclass(frozen=True)
class Company:
    """How large an account is."""

    users: int
    teams: int
    numbers: int
    calls_per_hour: float

    @property
    def calls_per_second(self) -> float:
        return self.calls_per_hour / 3600


@dataclass(frozen=True)
class Reading:
    """How a dataset is read: requests a minute, and in seconds every how long, and how old it is then.

    `wait` is from the beginning of a reading, as old as its data are, to its end.
    """

    requests: float
    interval: float
    target: float
    wait: float

    @property
    def mean_age(self) -> float:
        return self.wait + self.interval / 2

    def age(self, share: float) -> float:
        """The age (seconds) that is not exceeded during a `share` of the time."""
        return self.wait + share * self.interval

    @property
    def worst_age(self) -> float:
        return self.wait + self.interval


@dataclass(frozen=True)
class Plan:
    """What to expect. Rates are requests a minute, times seconds."""

    company: Company
    limit: float
    budget: float
    """Requests that can go on for ever."""
    readings: Mapping[str, Reading]
    late_edits: float
    """What is left for reading calls again."""
    late_edits_wanted: float
    first_read: Mapping[str, float]
    """When each dataset has been read once, from the start."""

    @property
    def requests(self) -> float:
        return self.late_edits + sum(reading.requests for reading in self.readings.values())

    @property
    def first_board(self) -> float:
        return max(self.first_read[name] for name in (*BOARD, *DIRECTORY))


def plan(company: Company, settings: Settings, limit: float, latency: float = LATENCY) -> Plan:
    """Plan for `company` where all its integrations together may make `limit` requests a minute.

    An answer takes `latency` seconds.
    """
    budget = RequestBudget(settings.aircall.budget_share, limit)
    targets, cost = schedule.targets(settings), model(company, settings)
    late_edits = costs.late_edits(company.calls_per_second)
    found = schedule.intervals(cost, targets, budget.sustained, late_edits)
    rates = {name: schedule.rate(cost[name], interval) for name, interval in found.items()}
    left = max(0.0, budget.sustained - sum(rates.values()))
    used = sum(rates.values()) + min(late_edits, left)
    always_due = used - sum(rates[name] for name in LIVE) if left < late_edits else 0.0
    at_once = budget.burst if used < UNHURRIED * budget.sustained else 1.0
    readings = {}
    for name, interval in found.items():
        requests = cost[name](interval)
        # what comes first takes its part meanwhile
        speed = budget.sustained - (rates["calls"] + always_due if name != "calls" else 0.0)
        paced = max(0.0, requests - at_once) * 60 / max(speed, rates[name], budget.sustained / 100)
        wait = min(interval, latency + max(paced, latency * (requests - 1)))
        readings[name] = Reading(rates[name], interval, targets[name], wait)
    return Plan(
        company,
        limit,
        budget.sustained,
        readings,
        late_edits=min(late_edits, left),
        late_edits_wanted=late_edits,
        first_read=_first_read(company, settings, limit, latency),
    )


def model(company: Company, settings: Settings) -> dict[str, Cost]:
    """What each reading of a company of this size costs."""
    lists = {name: costs.constant(requests) for name, requests in _lists(company, settings).items()}
    per_second = company.calls_per_second
    return {"calls": costs.calls(per_second), ENDINGS: costs.endings(per_second)} | lists


def _lists(company: Company, settings: Settings) -> dict[str, int]:
    pages = {
        "availabilities": costs.list_pages(company.users),
        "users": costs.list_pages(company.users),
        "teams": costs.list_pages(company.teams),
        "numbers": costs.list_pages(company.numbers),
    }
    if settings.map_users_to_numbers:
        pages["assignments"] = costs.assignments(company.users, company.numbers)
    return pages


def _first_read(company: Company, settings: Settings, limit: float, latency: float) -> dict[str, float]:
    """In how many seconds each dataset has been read once, request by request as the poller makes them."""
    budget, turns = RequestBudget(settings.aircall.budget_share, limit), schedule.Turns()
    targets, cost = schedule.targets(settings), model(company, settings)
    period = costs.call_pages(company.calls_per_second * settings.activity_period)
    lists = _lists(company, settings)
    availabilities = lists.pop("availabilities")
    todo: dict[str, float] = {"calls": math.ceil(period), "availabilities": availabilities, ENDINGS: 0}
    todo |= lists
    needs = {ENDINGS: set(BOARD), "assignments": {"users", "numbers"}}
    due = dict.fromkeys(todo, 0.0)
    free = schedule.free(cost, budget.sustained)
    known = {ENDINGS: 0.0}
    now = 0.0
    while len(known) < len(todo):
        now = max(now, budget.ready_at)
        ready = [name for name in todo if due[name] <= now and needs.get(name, set()) <= known.keys()]
        name = turns.next(ready, schedule.share_for_rest(known), free)
        if name is None:
            now = min(at for at in due.values() if at > now)
            continue
        budget.spend(now)
        now += latency
        todo[name] -= 1
        if todo[name] <= 0:
            known.setdefault(name, now)
            share = schedule.share_for_rest(known)
            interval = schedule.intervals(cost, targets, budget.sustained, math.inf, share)[name]
            due[name] = max(now, due[name] + interval)
            todo[name] += cost[name](interval)
    return known
