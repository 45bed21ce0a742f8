"""Hold the present interval of each dataset, and recalculate it when the account or budget changes."""

from collections.abc import Mapping

from exporter.account.account import Account
from exporter.account.event_processor import EventProcessor
from exporter.account.reference_data import MIN_STALE_AFTER_S
from exporter.aircall.request_budget import RequestBudget
from exporter.polling import estimate, schedule
from exporter.polling.log_once import OnceLogger
from exporter.polling.schedule import CORE, DATASETS, DIRECTORY, ENDED_CALLS, LIVE
from exporter.polling.status import DatasetStatus
from exporter.polling.task import DatasetTask


class IntervalController:
    """The present intervals in seconds, and the share of the budget (0 to 1) that is spare."""

    def __init__(
        self,
        account: Account,
        tasks: Mapping[str, DatasetTask],
        budget: RequestBudget,
        once_logger: OnceLogger,
    ) -> None:
        self.intervals: dict[str, float] = {}
        self.spare_share = 1.0
        self._account, self._tasks, self._budget, self._once_logger = account, tasks, budget, once_logger
        self._event_covered: frozenset[str] = frozenset()
        """Data that events keep up to date, so they are fetched less often."""
        self.recalculate()

    def recalculate(self) -> None:
        """Calculate the intervals from the costs of the datasets and the budget."""
        account, tasks, budget = self._account, self._tasks, self._budget.sustained
        costs = estimate.costs_now(account, tasks)
        self.intervals = estimate.intervals(account, costs, budget, self._event_covered)
        self.spare_share = schedule.spare_share(costs, budget)
        for name in LIVE:
            task = tasks[name]
            if task.job is None and task.failing_since is None:
                task.due = min(task.due, task.scheduled + self.intervals[name])
        account.reference_data.stale_after_s = max(MIN_STALE_AFTER_S, 3 * self.intervals["availabilities"])
        complete = set(DIRECTORY) <= account.known
        self._once_logger.stretched(
            self.intervals, schedule.targets(account.settings, self._event_covered), complete
        )
        if complete and set(CORE) <= account.known:
            self._once_logger.plan(estimate.size(account), account.settings, self._budget.limit)

    @property
    def synchronised(self) -> bool:
        """Whether calls that may have ended are fetched as often as availabilities, which show them."""
        return self.intervals["availabilities"] == self.intervals[ENDED_CALLS]

    def on_events(self, events: EventProcessor, now: float) -> bool:
        """Fetch data less often while events cover them. Return whether the intervals have changed."""
        covered = schedule.event_covered(
            now, events.last_call_event_at, events.last_user_event_at, bool(events.uncertain_users)
        )
        changed = covered != self._event_covered
        if changed:
            self._event_covered = covered
            self.recalculate()
        return changed

    def polling(self) -> dict[str, DatasetStatus]:
        """Return the status of each dataset."""
        targets = schedule.targets(self._account.settings, self._event_covered)
        return {
            name: DatasetStatus(
                as_of=self._tasks[name].as_of,
                interval=interval,
                target=targets[name],
                working=self._tasks[name].working,
                failing=self._tasks[name].failing_since is not None,
                expected_interval=max(interval, self._tasks[name].as_of_interval),
            )
            for name, interval in self.intervals.items()
            if name in DATASETS
        }
