"""Simulate the poller's first requests after a start, to see when each dataset is complete."""

import math
from collections.abc import Iterator
from functools import partial

from exporter.aircall import endpoints
from exporter.aircall.endpoints import ApiTask, Response
from exporter.aircall.request_budget import RequestBudget
from exporter.config.settings import Settings
from exporter.polling import costs, schedule
from exporter.polling.company import Company, model
from exporter.polling.schedule import CORE, DIRECTORY, ENDED_CALLS, LIVE, SUBSTATUSES
from exporter.polling.task import DatasetTask
from exporter.polling.turns import Turns

_NEEDS = {ENDED_CALLS: set(CORE), "assignments": {"users", "numbers"}}
"""The datasets that have to be fetched before another one."""

_SIZE = {ENDED_CALLS: "calls", "availabilities": "users", SUBSTATUSES: "users", "assignments": "users"}
"""Other datasets from which the length of a dataset is known."""

DAY_S = 86_400.0

_PAGE = endpoints.teams()
"""A placeholder for any request, which is counted but not sent."""


def first_read(company: Company, settings: Settings, limit: float, latency: float) -> dict[str, float]:
    """Return the seconds until each dataset has been fetched once, if a response takes `latency` seconds.

    The value is infinite if that takes more than a day, as if calls begin faster than they can be fetched.
    """
    start = Start(company, settings, limit, latency)
    datasets = schedule.targets(settings).keys() - {ENDED_CALLS}
    while not start.known.keys() >= datasets and start.now < DAY_S:
        start.step()
    return dict.fromkeys(datasets, math.inf) | start.known


class Start:
    """The poller's tasks and turns after a start, with empty pages."""

    def __init__(self, company: Company, settings: Settings, limit: float, latency: float) -> None:
        self.known: dict[str, float] = {}
        """When each dataset was first complete, in seconds from the start."""
        self._company, self._settings, self._limit, self._latency = company, settings, limit, latency
        self.now = 0.0
        """Seconds from the start."""
        self._budget = RequestBudget(settings.aircall.budget_share)
        self._targets, self._model = schedule.targets(settings), model(company, settings)
        self._turns = Turns()
        names = [name for name in (*LIVE, *DIRECTORY, SUBSTATUSES, "assignments") if name in self._targets]
        self._tasks = {name: DatasetTask(partial(self._read, name)) for name in names}
        self._owed = dict.fromkeys(names, 0.0)
        """Fractions of requests that are carried over to the next poll."""
        self._planned_for: tuple[dict[str, float], float, float] | None = None
        """The inputs of the current intervals."""
        self._set_intervals()

    def step(self) -> None:
        """Make the next request, or wait until one is due."""
        self.now = max(self.now, self._budget.ready_at)
        tasks = {name: self._tasks[name] for name in self._readable()}
        due = [name for name, task in tasks.items() if task.ready_at <= self.now]
        name = self._turns.next(due, schedule.share_for_rest(self.known), self._free)
        if name is None:
            self.now = min(task.ready_at for task in tasks.values())
            return
        try:
            self._send_next(self._tasks[name], self._intervals[name])
        except StopIteration:
            self._finished(name)

    def _readable(self) -> Iterator[str]:
        """Yield the datasets that can be fetched, in order. Calls need the time from an earlier response."""
        names = list(self._tasks)
        if not self._budget.spent:
            names[: len(CORE)] = CORE[::-1]
        return (name for name in names if _NEEDS.get(name, set()) <= self.known.keys())

    def _send_next(self, task: DatasetTask, interval: float) -> None:
        if task.job is None:
            task.start(self.now, interval)
        assert task.job is not None  # noqa: S101 (it has been started)
        self._budget.acquire(self.now)
        self._budget.configure(self._budget.share, self._limit)  # as the first answer announces
        task.requests += 1
        if task.requests > task.cost:
            self._set_intervals()
        sent, self.now = self.now, self.now + self._latency
        task.job.send(Response(None, sent))

    def _finished(self, name: str) -> None:
        task = self._tasks[name]
        task.abort()
        task.as_of, task.cost = task.started, max(1, task.requests)
        self.known.setdefault(name, self.now)
        self._set_intervals()
        task.due = task.scheduled + self._intervals[name]

    def _read(self, name: str, begun: float) -> ApiTask[None]:
        sent, first = 0, name not in self.known
        self._owed[name] += self._requests(name, begun)
        while sent < math.floor(self._owed[name] + 0.5):
            yield _PAGE
            sent += 1
            if first and name == "calls" and sent >= math.floor(self._owed[name] + 0.5):
                self._owed[name] = self._requests(name, begun)  # more of them began meanwhile
        self._owed[name] -= sent

    def _requests(self, name: str, begun: float) -> float:
        if name == "calls" and name not in self.known:
            period = self._settings.activity_period + self.now - begun
            return costs.expected_pages(self._company.calls_per_second * period)
        return self._model[name](self._tasks[name].elapsed)

    def _set_intervals(self) -> None:
        """Set the intervals, as the poller does.

        A dataset of unknown length costs the pages fetched so far.
        """
        guessed = {name: task.expected_cost for name, task in self._tasks.items() if not self._sized(name)}
        budget, share = self._budget.sustained, schedule.share_for_rest(self.known)
        if (guessed, budget, share) == self._planned_for:
            return
        self._planned_for = guessed, budget, share
        cost = self._model | {name: costs.constant(requests) for name, requests in guessed.items()}
        self._intervals = schedule.intervals(cost, self._targets, budget, math.inf, share)
        self._free = schedule.spare_share(cost, budget)

    def _sized(self, name: str) -> bool:
        """Return whether the length of a dataset is known by now."""
        return not {_SIZE.get(name, name), name}.isdisjoint(self.known)
