"""How often each dataset of the account at hand is read now: set anew whenever something of it is learned."""

from collections.abc import Mapping

from exporter.account.account import Account
from exporter.account.reference_data import MIN_STALE_AFTER_S
from exporter.account.webhook_events import EventProcessor
from exporter.aircall.budget import RequestBudget
from exporter.polling import estimate, schedule
from exporter.polling.log_once import OnceLogger
from exporter.polling.schedule import CORE, DATASETS, DIRECTORY, ENDED_CALLS, LIVE
from exporter.polling.task import DatasetTask
from exporter.status import DatasetStatus


class IntervalController:
    """The intervals in force (seconds), and how much of the budget is `free` of keeping up (0 to 1)."""

    def __init__(
        self,
        account: Account,
        lanes: Mapping[str, DatasetTask],
        budget: RequestBudget,
        remarks: OnceLogger,
    ) -> None:
        self.intervals: dict[str, float] = {}
        self.spare_share = 1.0
        self._account, self._lanes, self._budget, self._remarks = account, lanes, budget, remarks
        self._event_covered: frozenset[str] = frozenset()
        """What events tell of now, so that it is read less often."""
        self.recalculate()

    def recalculate(self) -> None:
        """Set the intervals from what the datasets cost and the budget allows."""
        account, lanes, budget = self._account, self._lanes, self._budget.sustained
        costs = estimate.costs_now(account, lanes)
        self.intervals = estimate.intervals(account, costs, budget, self._event_covered)
        self.spare_share = schedule.spare_share(costs, budget)
        for name in LIVE:
            lane = lanes[name]
            if lane.job is None and lane.failing_since is None:
                lane.due = min(lane.due, lane.scheduled + self.intervals[name])
        account.reference_data.stale_after_s = max(MIN_STALE_AFTER_S, 3 * self.intervals["availabilities"])
        complete = set(DIRECTORY) <= account.known
        self._remarks.stretched(
            self.intervals, schedule.targets(account.settings, self._event_covered), complete
        )
        if complete and set(CORE) <= account.known:
            self._remarks.plan(estimate.size(account), account.settings, self._budget.limit)

    @property
    def synchronised(self) -> bool:
        """Whether calls that may be over are looked at as often as availabilities, which tell of them."""
        return self.intervals["availabilities"] == self.intervals[ENDED_CALLS]

    def on_events(self, events: EventProcessor, now: float) -> bool:
        """Read less often what events tell of, as often as before once they stop; whether that is news."""
        told = schedule.event_covered(
            now, events.last_call_event_at, events.last_user_event_at, bool(events.uncertain_users)
        )
        changed = told != self._event_covered
        if changed:
            self._event_covered = told
            self.recalculate()
        return changed

    def polling(self) -> dict[str, DatasetStatus]:
        """How each dataset is read."""
        targets = schedule.targets(self._account.settings, self._event_covered)
        return {
            name: DatasetStatus(
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
