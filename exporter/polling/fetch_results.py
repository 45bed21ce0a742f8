"""Take in the end of a fetch: count and log it, and schedule the next one."""

import math

import structlog

from exporter.account.unknown_names import unknown_names
from exporter.account.unlisted import UnlistedReporter, find_unlisted
from exporter.polling import estimate
from exporter.polling.credential import CredentialState
from exporter.polling.schedule import DATASETS, DIRECTORY, ENDED_CALLS
from exporter.polling.state import PollingState

log = structlog.get_logger()

INCOMPLETE_LIST_INTERVAL_S = 300.0
"""Longest interval in seconds to the next fetch of a list that is empty or lacks objects or users."""

FIRST_CONFIRMATION_S = 60.0
"""The same after the first such list, because counters by team and inferred teams wait for the second."""


class FetchResults:
    """Takes in which fetches succeeded and which failed."""

    def __init__(self, state: PollingState, credential: CredentialState) -> None:
        self._account, self._tasks, self._intervals = state.account, state.tasks, state.intervals
        self._events, self._clock = state.event_processor, state.clock
        self._metrics, self._once_logger = state.metrics, state.once_logger
        self._credential = credential
        self._unlisted = UnlistedReporter()

    def succeeded(self, name: str) -> None:
        """Take in that the fetch of a task is complete."""
        task = self._tasks[name]
        if task.failing_since is not None:
            log.info("fetch works again", task=name, after=f"{self._clock() - task.failing_since:.0f}s")
        first = task.as_of is None
        task.finish()
        task.schedule_verification(name in self._account.reference_data.unconfirmed_lists)
        if not first:
            estimate.learn(name, task, self._account)
        if name == "availabilities":
            self._events.on_availabilities_fetched()
            if self._intervals.synchronised:
                self._tasks[ENDED_CALLS].due = min(self._tasks[ENDED_CALLS].due, self._clock())
        if name in DATASETS:
            self._metrics.polls.labels(name, "success").inc()
            self._fetch_early()
        if name in self._intervals.intervals:
            self._intervals.recalculate()
            task.due = task.scheduled + self._intervals.intervals[name]
            incomplete = self._account.reference_data.incomplete
            if name in incomplete:
                soon = FIRST_CONFIRMATION_S if incomplete.once(name) else INCOMPLETE_LIST_INTERVAL_S
                task.due = min(task.due, task.scheduled + soon)

    def failed(self, name: str, problem: str, sent: float) -> None:
        """Schedule a retry, measured from when the request was `sent`, not from when it timed out."""
        task = self._tasks[name]
        if task.failing_since is None and not self._credential.rejected:
            if name in DATASETS and name not in self._account.known:
                log.warning("fetch failed; no data yet", task=name, problem=problem)
            else:
                log.warning("fetch failed; serving last known values", task=name, problem=problem)
        task.fail(sent, self._intervals.intervals.get(name, math.inf))
        if name in DATASETS:
            self._metrics.polls.labels(name, "error").inc()

    def _fetch_early(self) -> None:
        """Fetch reference data early if an unlisted object appears or a user has left."""
        known = set(DIRECTORY) <= self._account.known
        account = self._account
        if known:
            found = find_unlisted(account.reference_data, account.shown_calls(), account.recent)
            if unlisted := self._unlisted.due(found, account.reference_data, self._clock()):
                log.info("unlisted objects; fetching reference data early", objects=len(unlisted))
                self._tasks.request_early(*DIRECTORY)
        if {"users", "teams", "numbers"} <= self._account.known:
            names = unknown_names(account.directory, account.settings)
            self._once_logger.unknown_names(tuple(names))
        if self._account.reference_data.assignments_outdated:
            self._tasks.request_early("assignments")
        if self._account.reference_data.teams_outdated:
            self._tasks.request_early("teams")
