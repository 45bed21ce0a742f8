"""List the poller's tasks, and decide which of them have something to request now."""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Set
from typing import Any

from exporter.account.account import Account
from exporter.aircall.endpoints import ApiTask
from exporter.aircall.models import Call
from exporter.aircall.server_clock import ServerClock
from exporter.polling import assignments, call_fetchers, call_selection, fetchers
from exporter.polling.intervals import IntervalController
from exporter.polling.list_fetch import first_page
from exporter.polling.on_demand import OnDemandRequest, run_on_demand
from exporter.polling.schedule import (
    AVAILABILITY_CHANGES,
    CORE,
    DATASETS,
    DIRECTORY,
    ENDED_CALLS,
    ON_DEMAND,
    ON_DEMAND_REQUESTS,
    SUBSTATUSES,
)
from exporter.polling.task import DatasetTask

ASIDE = "assignments set aside"
"""The task that fetches assignments again that could not be fetched."""

LATE_EDITS, BACKFILL, MANUAL_BACKFILL = BACKGROUND = ("late edits", "past calls", "requested calls")
"""Tasks for the archive, in their order: rechecks, the backfill, and ranges requested by the command. They
use the budget that other tasks leave."""


class Tasks:
    """The tasks of all datasets, of the archive, and of on-demand requests."""

    def __init__(self, account: Account, server_clock: ServerClock) -> None:
        """Fetch data of `account`. Calls are requested by the time of `server_clock`."""
        self.pace: IntervalController
        """The intervals of the tasks. Set later, because it is constructed from the tasks."""
        self.enabled: Collection[str] = (
            *DATASETS,
            ASIDE,
            ENDED_CALLS,
            AVAILABILITY_CHANGES,
            ON_DEMAND_REQUESTS,
            *BACKGROUND,
        )
        """The tasks that may run."""
        self.user_api = users = fetchers.UserApi()
        self.pending_requests: dict[str, deque[OnDemandRequest[Any]]] = {
            AVAILABILITY_CHANGES: deque(),
            ON_DEMAND_REQUESTS: deque(),
        }

        def version() -> str:
            return users.version

        self._account, self._server_clock, lists = account, server_clock, account.reference_data
        begin: dict[str, Callable[[float], ApiTask[None]]] = {
            "calls": self._calls,
            "availabilities": lambda _: fetchers.fetch_availabilities(
                lists, self._first_page("availabilities")
            ),
            "users": lambda _: fetchers.fetch_users(lists, users, self._first_page("users")),
            "teams": lambda _: fetchers.fetch_teams(lists, self._first_page("teams")),
            "numbers": lambda _: fetchers.fetch_numbers(lists, self._first_page("numbers")),
            SUBSTATUSES: lambda _: fetchers.fetch_substatuses(lists, users, self._first_page(SUBSTATUSES)),
            "assignments": lambda now: assignments.fetch_assignments(lists, version, account.aside, now),
            ASIDE: lambda now: assignments.retry_assignments(lists, version, account.aside, now),
            ENDED_CALLS: lambda now: call_fetchers.fetch_ended(account, self._possibly_ended(now), now),
            AVAILABILITY_CHANGES: lambda _: run_on_demand(self.pending_requests[AVAILABILITY_CHANGES]),
            ON_DEMAND_REQUESTS: lambda _: run_on_demand(self.pending_requests[ON_DEMAND_REQUESTS]),
            LATE_EDITS: lambda now: call_fetchers.recheck_calls(account, now + server_clock.ahead, now),
            BACKFILL: lambda now: call_fetchers.fetch_backfill(account, now),
            MANUAL_BACKFILL: self._manual_backfill,
        }
        self.by_name = {name: DatasetTask(beginning) for name, beginning in begin.items()}

    def __getitem__(self, name: str) -> DatasetTask:
        return self.by_name[name]

    def runnable(self, now: float) -> dict[str, DatasetTask]:
        """Return the tasks that have something to request, in the order in which they are served."""
        self._drop_cancelled()
        return {name: self[name] for name in self._with_work(now) if name in self.enabled}

    @property
    def on_demand(self) -> Set[str]:
        """The names of the tasks that clients request."""
        return {name for name, task in self.by_name.items() if name in ON_DEMAND or task.is_on_demand}

    def request_now(self, *names: str) -> None:
        """Make these tasks due now."""
        for name in names:
            self[name].due_now = True

    def request_early(self, *names: str) -> None:
        """Run these tasks before they are due: at most two runs in a row, then one per minute."""
        for name in names:
            self[name].early = True

    def _with_work(self, now: float) -> Iterator[str]:
        if self.pending_requests[AVAILABILITY_CHANGES]:
            yield AVAILABILITY_CHANGES
        yield from CORE if self._server_clock.known else CORE[::-1]  # calls are requested by Aircall's time
        ended = self[ENDED_CALLS]
        if ended.job is not None or (self._is_due_for_ended(now) and any(self._possibly_ended(now))):
            yield ENDED_CALLS
        if self.pending_requests[ON_DEMAND_REQUESTS] and self._counting_decided:
            yield ON_DEMAND_REQUESTS
        yield from DIRECTORY
        yield SUBSTATUSES
        if self._account.settings.map_users_to_numbers and {"users", "numbers"} <= self._account.known:
            yield "assignments"
            if (
                self[ASIDE].job
                or assignments.retryable(self._account.reference_data, self._account.aside, "number", now)
                or assignments.retryable(self._account.reference_data, self._account.aside, "user", now)
            ):
                yield ASIDE
        yield from self._archive_tasks(now)

    def _archive_tasks(self, now: float) -> Iterator[str]:
        account = self._account
        if account.ledger.totals is None or account.ledger.full or not self._counting_decided:
            return
        if self._server_clock.known and call_selection.next_recheck(account, now + self._server_clock.ahead):
            yield LATE_EDITS
        if (
            self[BACKFILL].job
            or call_selection.next_backfill(account, now)
            or call_selection.has_unfinished_calls_due(account, now)
        ):
            yield BACKFILL
        if self[MANUAL_BACKFILL].job or call_selection.next_manual_backfill(account, now):
            yield MANUAL_BACKFILL

    @property
    def _counting_decided(self) -> bool:
        """Whether other tasks than the poll may fetch calls: the first poll decides which calls count."""
        return "calls" not in self.enabled or not math.isinf(self._account.ledger.counted_from)

    def _drop_cancelled(self) -> None:
        """Drop on-demand requests whose clients no longer wait."""
        for name, waiting in self.pending_requests.items():
            while waiting and not waiting[0].is_pending:
                waiting.popleft()
                self[name].abort()

    def _calls(self, now: float) -> ApiTask[None]:
        now = yield from call_fetchers.wait_for_server_time(self._account, self._server_clock, now)
        server_now = now + self._server_clock.ahead
        todo = call_selection.calls_to_fetch(self._account, now, server_now)
        in_pieces = self["calls"].restarts > 0
        yield from call_fetchers.fetch_calls(self._account, todo, now, server_now, in_pieces)

    def _first_page(self, name: str) -> int:
        """Return the page with which a fetch of a list begins."""
        return first_page(self[name].failed_starts, self._account.reference_data.totals.get(name))

    def _manual_backfill(self, now: float) -> ApiTask[None]:
        span = call_selection.next_manual_backfill(self._account, now)
        if span is not None:
            yield from call_fetchers.fetch_range(self._account, span, now)

    def _is_due_for_ended(self, now: float) -> bool:
        """Return whether calls that may have ended are due. A present fetch of availabilities is awaited."""
        task = self["availabilities"]
        known_soon = self.pace.synchronised and task.job is not None and task.failing_since is None
        return self[ENDED_CALLS].due <= now and not known_soon

    def _possibly_ended(self, now: float) -> Iterator[Call]:
        return call_selection.possibly_ended(self._account, now, self.pace.intervals["calls"])
