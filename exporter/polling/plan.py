"""Plan the polling of a company: intervals, ages of data, and the time to the first board.

The plan uses the poller's own functions, so it matches what the poller will do. It sends no requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.aircall.request_budget import RequestBudget
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.polling import costs, schedule
from exporter.polling.company import Company, model
from exporter.polling.schedule import CORE, DIRECTORY, ENDED_CALLS, LIVE
from exporter.polling.startup_simulation import first_read

DEFAULT_LATENCY_S = 0.3
"""Default seconds that Aircall takes to answer."""

BURST_SHARE = 0.9
"""Share of the budget in use up to which bursts can be saved up."""


@dataclass(frozen=True)
class Reading:
    """How a dataset is polled. `requests` is per minute, the other fields are in seconds.

    `wait` is the time from the start of a poll, which is the age of its data, to its end.
    """

    requests: float
    interval: float
    target: float
    wait: float

    @property
    def mean_age(self) -> float:
        """The average age of the data in seconds."""
        return self.wait + self.interval / 2

    def age(self, share: float) -> float:
        """Return the age in seconds that is not exceeded during a `share` of the time."""
        return self.wait + share * self.interval

    @property
    def worst_age(self) -> float:
        """The largest age of the data in seconds."""
        return self.wait + self.interval


@dataclass(frozen=True)
class Plan:
    """The expected polling of a company. Rates are in requests per minute, times in seconds."""

    company: Company
    limit: float
    budget: float
    """Requests that can be sent indefinitely."""
    readings: Mapping[str, Reading]
    late_edits: float
    """Requests that are left for fetching calls again."""
    late_edits_required: float
    first_read: Mapping[str, float]
    """Seconds from the start until each dataset has been fetched once."""

    @property
    def requests(self) -> float:
        """Requests per minute, of all datasets and late edits."""
        return self.late_edits + sum(reading.requests for reading in self.readings.values())

    @property
    def first_board(self) -> float:
        """Seconds from the start until the first complete board."""
        return max(self.first_read[name] for name in (*CORE, *DIRECTORY))

    @property
    def until_counted(self) -> float:
        """Average seconds from the end of a call until it is counted.

        The end of a recent call is on the first page of calls. The end of an older one shows in its user's
        availability. The call is then fetched by the next poll of ended calls. If both have the same
        interval, that is right after the availabilities.
        """
        calls, seen, ended = (self.readings[name] for name in ("calls", "availabilities", ENDED_CALLS))
        older = costs.ANSWERED_SHARE * (
            1 - costs.ended_fraction(costs.first_page_seconds(self.company.calls_per_second))
        )
        until_polled = seen.wait / 2 if ended.interval == seen.interval else ended.interval / 2
        return (1 - older) * calls.mean_age + older * (seen.interval / 2 + until_polled + ended.wait)


def plan(company: Company, settings: Settings, limit: float, latency: float = DEFAULT_LATENCY_S) -> Plan:
    """Plan the polling of a company.

    Args:
        company: The size of the company.
        settings: The configuration.
        limit: The requests per minute of all the company's integrations together.
        latency: The seconds that a response takes.
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
    at_once = budget.burst if used < BURST_SHARE * budget.sustained else 1.0
    readings = {}
    for name, interval in found.items():
        requests = cost[name](interval)
        # datasets that have precedence use their part of the budget meanwhile
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
        late_edits_required=late_edits,
        first_read=first_read(company, settings, limit, latency),
    )


def in_words(seconds: float) -> str:
    """Return a duration in whole seconds, or in whole minutes from one hour on."""
    step = 60 if seconds >= 3600 else 1
    return str(Duration(max(1, round(seconds / step)) * step))
