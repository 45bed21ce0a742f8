"""How often each dataset of the account at hand is read now: set anew whenever something of it is learned."""

from collections.abc import Mapping

from exporter.account.account import Account
from exporter.account.lists import LEAST_PATIENCE
from exporter.account.told import Told
from exporter.aircall.budget import RequestBudget
from exporter.polling import reckoning, schedule
from exporter.polling.lane import Lane
from exporter.polling.remarks import Remarks
from exporter.polling.schedule import BOARD, DATASETS, DIRECTORY, ENDINGS, LIVE
from exporter.status import Polling


class Pace:
    """The intervals in force (seconds), and how much of the budget is `free` of keeping up (0 to 1)."""

    def __init__(
        self,
        account: Account,
        lanes: Mapping[str, Lane],
        budget: RequestBudget,
        remarks: Remarks,
    ) -> None:
        self.intervals: dict[str, float] = {}
        self.free = 1.0
        self._account, self._lanes, self._budget, self._remarks = account, lanes, budget, remarks
        self._told: frozenset[str] = frozenset()
        """What events tell of now, so that it is read less often."""
        self.set()

    def set(self) -> None:
        """Set the intervals from what the datasets cost and the budget allows."""
        account, lanes, budget = self._account, self._lanes, self._budget.sustained
        costs = reckoning.costs_now(account, lanes)
        self.intervals = reckoning.intervals(account, costs, budget, self._told)
        self.free = schedule.free(costs, budget)
        for name in LIVE:
            lane = lanes[name]
            if lane.read is None and lane.failing_since is None:
                lane.due = min(lane.due, lane.scheduled + self.intervals[name])
        account.lists.patience = max(LEAST_PATIENCE, 3 * self.intervals["availabilities"])
        complete = set(DIRECTORY) <= account.known
        self._remarks.stretching(self.intervals, schedule.targets(account.settings, self._told), complete)
        if complete and set(BOARD) <= account.known:
            self._remarks.plan(reckoning.size(account), account.settings, self._budget.limit)

    @property
    def in_step(self) -> bool:
        """Whether calls that may be over are looked at as often as availabilities, which tell of them."""
        return self.intervals["availabilities"] == self.intervals[ENDINGS]

    def follow(self, events: Told, now: float) -> bool:
        """Read less often what events tell of, as often as before once they stop; whether that is news."""
        told = schedule.told(now, events.calls_told_at, events.users_told_at, bool(events.in_doubt))
        changed = told != self._told
        if changed:
            self._told = told
            self.set()
        return changed

    def polling(self) -> dict[str, Polling]:
        """How each dataset is read."""
        targets = schedule.targets(self._account.settings, self._told)
        return {
            name: Polling(
                as_of=self._lanes[name].as_of,
                interval=interval,
                target=targets[name],
                working=self._lanes[name].working,
                failing=self._lanes[name].failing_since is not None,
                expected_interval=max(interval, self._lanes[name].as_of_interval),
            )
            for name, interval in self.intervals.items()
            if name in DATASETS
        }
