"""What a company of a given size can have for its requests: how often, how old, how soon.

Made of the functions by which the poller decides, so that a plan is what it will do; nobody is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.aircall.budget import RequestBudget
from exporter.config import Settings
from exporter.planner.company import Company, model
from exporter.planner.startup_simulation import first_read
from exporter.polling import costs, schedule
from exporter.polling.schedule import CORE, DIRECTORY, ENDED_CALLS, LIVE

LATENCY = 0.3
"""Seconds that Aircall takes to answer, where nothing else is known."""

UNHURRIED = 0.9
"""Part of the budget in use up to which some of it is saved up now and then."""


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
        return max(self.first_read[name] for name in (*CORE, *DIRECTORY))

    @property
    def until_counted(self) -> float:
        """Seconds from the end of a call until it is counted, on average.

        A young call's end is on the page that is read anyway. Another's shows in what its user does, and is
        looked for from time to time: right after that, where both are read in the same rhythm.
        """
        calls, seen, looks = (self.readings[name] for name in ("calls", "availabilities", ENDED_CALLS))
        looked_for = costs.ANSWERED * (
            1 - costs.ended_fraction(costs.first_page_seconds(self.company.calls_per_second))
        )
        until_looked = seen.wait / 2 if looks.interval == seen.interval else looks.interval / 2
        return (1 - looked_for) * calls.mean_age + looked_for * (
            seen.interval / 2 + until_looked + looks.wait
        )


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
    short = used > 0.999 * budget.sustained
    always_due = used - sum(rates[name] for name in LIVE) if short else 0.0
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
        first_read=first_read(company, settings, limit, latency),
    )
