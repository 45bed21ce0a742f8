"""How soon a company is known after a start, request by request as the poller would make them."""

import math
from collections.abc import Iterator
from functools import partial

from exporter.aircall import endpoints
from exporter.aircall.budget import RequestBudget
from exporter.aircall.endpoints import ApiTask, Response
from exporter.config import Settings
from exporter.planner.company import Company, model
from exporter.polling import costs, schedule
from exporter.polling.schedule import CORE, DIRECTORY, ENDED_CALLS, LIVE, SUBSTATUSES
from exporter.polling.task import DatasetTask

_NEEDS = {ENDED_CALLS: set(CORE), "assignments": {"users", "numbers"}}
"""What has to be known before something can be asked for."""

_SIZE = {ENDED_CALLS: "calls", "availabilities": "users", SUBSTATUSES: "users", "assignments": "users"}
"""What tells as well how long something is."""

DAY = 86_400.0

_PAGE = endpoints.teams()
"""Stands for any request: it is counted, and not sent."""


def first_read(company: Company, settings: Settings, limit: float, latency: float) -> dict[str, float]:
    """In how many seconds each dataset has been read once, where an answer takes `latency` seconds.

    Infinite is what is not there within a day: of too many calls, new ones begin faster than they are read.
    """
    start, wanted = (
        Start(company, settings, limit, latency),
        schedule.targets(settings).keys() - {ENDED_CALLS},
    )
    while not start.known.keys() >= wanted and start.now < DAY:
        start.step()
    return dict.fromkeys(wanted, math.inf) | start.known


class Start:
    """The poller's lanes and turns in the first minutes, with pages on which nothing stands."""

    def __init__(self, company: Company, settings: Settings, limit: float, latency: float) -> None:
        self.known: dict[str, float] = {}
        """When each has been read, in seconds from the start."""
        self._company, self._settings, self._limit, self._latency = company, settings, limit, latency
        self.now = 0.0
        """Seconds from the start."""
        self._budget = RequestBudget(settings.aircall.budget_share)
        self._targets, self._model = schedule.targets(settings), model(company, settings)
        self._turns = schedule.Turns()
        names = [name for name in (*LIVE, *DIRECTORY, SUBSTATUSES, "assignments") if name in self._targets]
        self._lanes = {name: DatasetTask(partial(self._read, name)) for name in names}
        self._owed = dict.fromkeys(names, 0.0)
        """Parts of requests, of what takes less than a whole one on average."""
        self._paced: tuple[dict[str, float], float, float] | None = None
        """What the pace was set for."""
        self._set_pace()

    def step(self) -> None:
        """Make the next request, or wait until there is one to make."""
        self.now = max(self.now, self._budget.ready_at)
        lanes = {name: self._lanes[name] for name in self._readable()}
        due = [name for name, lane in lanes.items() if lane.ready_at <= self.now]
        name = self._turns.next(due, schedule.share_for_rest(self.known), self._free)
        if name is None:
            self.now = min(lane.ready_at for lane in lanes.values())
            return
        try:
            self._go_on(self._lanes[name], self._intervals[name])
        except StopIteration:
            self._finished(name)

    def _readable(self) -> Iterator[str]:
        """In the order in which they are served: calls need the time that any answer tells."""
        names = list(self._lanes)
        if not self._budget.spent:
            names[: len(CORE)] = CORE[::-1]
        return (name for name in names if _NEEDS.get(name, set()) <= self.known.keys())

    def _go_on(self, lane: DatasetTask, interval: float) -> None:
        if lane.job is None:
            lane.start(self.now, interval)
        assert lane.job is not None  # noqa: S101 (it has been started)
        self._budget.acquire(self.now)
        self._budget.configure(self._budget.share, self._limit)  # as the first answer announces
        lane.requests += 1
        if lane.requests > lane.cost:
            self._set_pace()
        sent, self.now = self.now, self.now + self._latency
        lane.job.send(Response(None, sent))

    def _finished(self, name: str) -> None:
        lane = self._lanes[name]
        lane.abort()
        lane.as_of, lane.cost = lane.started, max(1, lane.requests)
        self.known.setdefault(name, self.now)
        self._set_pace()
        lane.due = lane.scheduled + self._intervals[name]

    def _read(self, name: str, begun: float) -> ApiTask[None]:
        asked, first = 0, name not in self.known
        self._owed[name] += self._requests(name, begun)
        while asked < math.floor(self._owed[name] + 0.5):
            yield _PAGE
            asked += 1
            if first and name == "calls" and asked >= math.floor(self._owed[name] + 0.5):
                self._owed[name] = self._requests(name, begun)  # more of them began meanwhile
        self._owed[name] -= asked

    def _requests(self, name: str, begun: float) -> float:
        if name == "calls" and name not in self.known:
            period = self._settings.activity_period + self.now - begun
            return costs.expected_pages(self._company.calls_per_second * period)
        return self._model[name](self._lanes[name].elapsed)

    def _set_pace(self) -> None:
        """As `reckoning` does: what was not read yet takes the pages that were asked for."""
        guessed = {name: lane.expected_cost for name, lane in self._lanes.items() if not self._sized(name)}
        budget, share = self._budget.sustained, schedule.share_for_rest(self.known)
        if (guessed, budget, share) == self._paced:
            return
        self._paced = guessed, budget, share
        cost = self._model | {name: costs.constant(requests) for name, requests in guessed.items()}
        self._intervals = schedule.intervals(cost, self._targets, budget, math.inf, share)
        self._free = schedule.spare_share(cost, budget)

    def _sized(self, name: str) -> bool:
        """Whether it is known by now how long it is."""
        return not {_SIZE.get(name, name), name}.isdisjoint(self.known)
