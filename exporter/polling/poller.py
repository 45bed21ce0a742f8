"""Poll Aircall: decide when each request is sent, one at a time, out of one request budget."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.account import archiving
from exporter.account.current_board import current_board, doubtful_calls
from exporter.account.event_processor import EventOutcome
from exporter.account.records import Batch, Checkpoint, LoadedState, QueueFullError, SaveResult, TimeRange
from exporter.aircall.client import Client
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import Request, Response
from exporter.aircall.errors import (
    NO_ANSWER,
    ApiError,
    CredentialError,
    DroppedConnectionError,
    RateLimitedError,
)
from exporter.aircall.events import Event
from exporter.clock import Clocks
from exporter.config.settings import Settings
from exporter.polling import call_selection, schedule
from exporter.polling.failure_classifier import CREDENTIAL_RETRY_S, FailureClassifier, Handling
from exporter.polling.fetch_results import FetchResults
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.request_sender import RequestSender
from exporter.polling.schedule import CORE, DIRECTORY, LIVE, ON_DEMAND_REQUESTS
from exporter.polling.state import begin_polling
from exporter.polling.status import Snapshot, Status
from exporter.polling.task import RETRY_S
from exporter.polling.tasks import BACKGROUND
from exporter.polling.turns import Turns

PROOF_TIMEOUT_S = 600.0
"""Longest time in seconds to wait for a list that shows whether only one request fails."""

IDLE_WAIT_S = 60.0
"""Seconds to the next step if there is nothing to request."""

RATE_LIMITED_STALE_AFTER_S = 30.0
"""Largest age in seconds while other clients use up the limit; three intervals if that is longer."""


class Poller:
    """Fetches the account's datasets, each at its interval.

    `step` makes at most one request and returns when to call it again, so a thread can drive it in real time,
    and a test in simulated time. Failed requests are retried here and nowhere else.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        registry: CollectorRegistry,
        clocks: Clocks,
        save: Callable[[Batch], object],
    ) -> None:
        """Poll `client`'s account. `save` receives batches for the archive."""
        state = begin_polling(settings, registry, clocks)
        self.account, self.event_processor = state.account, state.event_processor
        self.budget, self.tasks = state.budget, state.tasks
        self._clock, self._server_time = state.clock, state.server_time
        self._intervals, self._once_logger = state.intervals, state.once_logger
        self._save = save
        self._sender = RequestSender(client, state)
        self._failures = FailureClassifier(self.account, self.tasks)
        self._results = FetchResults(state, self._failures.credential)
        self._turns = Turns()

    # Called by the runtime -----------------------------------------------------------------------

    def configure(self, settings: Settings, client: Client) -> None:
        """Apply a changed configuration. All data stays."""
        before = self.account.settings
        if settings.aircall.base_url != before.aircall.base_url:
            self.refresh()
        if settings.activity_period > before.activity_period:
            self.tasks["calls"].abort()  # the present fetch began for the shorter period
            self.tasks.request_now("calls")
        self.account.configure(settings)
        self.budget.configure(settings.aircall.budget_share, settings.aircall.configured_limit)
        self._sender.client, self._sender.paused_until = client, 0.0
        self._intervals.recalculate()
        for name, interval in self._intervals.intervals.items():
            task = self.tasks[name]
            task.due = min(task.due, task.started + interval)

    def on_wait(self, context: Callable[[], AbstractContextManager[None]]) -> None:
        """Enter `context` while waiting for an answer: other threads may use the account then."""
        self._sender.while_waiting = context

    def refresh(self) -> bool:
        """Fetch users, teams, numbers and assignments again (the tutorial's "Clear Cache").

        Calls while a fetch is pending, or within a minute, cause only one. Returns False: the snapshot has
        not changed yet.
        """
        self.tasks.request_early(*DIRECTORY, "assignments")
        return False

    def restore(self, memory: LoadedState) -> None:
        """Continue from the archive's state, and fetch the calls since then.

        Called again if the archive was replaced: then everything that was derived from the earlier archive is
        fetched again.
        """
        if self.account.ledger.totals is not None:
            archiving.begin_again(self.account)
            for name in ("calls", *BACKGROUND):
                self.tasks[name].abort()
            self.tasks.request_now("calls")
        archiving.restore(self.account, memory)

    def batch_saved(self, result: SaveResult, progress: Checkpoint | None) -> bool:
        """Take over the totals after a batch was saved, and return whether the snapshot changes."""
        return archiving.batch_saved(self.account, result, progress)

    def submit(self, request: OnDemandRequest[Any], task: str = ON_DEMAND_REQUESTS) -> None:
        """Queue a request for which a client waits."""
        self.tasks.pending_requests[task].append(request)

    def set_manual_backfill(self, spans: tuple[TimeRange, ...]) -> bool:
        """Backfill these ranges, in place of earlier ones. Return whether they differ from those."""
        before, self.account.coverage.requested = self.account.coverage.requested, spans
        return spans != before

    @property
    def ready_for_events(self) -> bool:
        """Whether events can be applied: not before the first poll of calls has begun."""
        return self.account.first_poll_at is not None

    def apply_events(self, events: Sequence[Event], count: Callable[[str, EventOutcome], object]) -> bool:
        """Apply webhook events, and call `count` with the name and outcome of each.

        Returns whether `step` is due earlier than it returned last.
        """
        now = self._clock()
        self._server_time.update()
        self.account.advance_to(now + self._server_time.clock.ahead)
        for event in events:
            count(event.name, self.event_processor.apply(event, now))
        changed, self.event_processor.lists_changed = self.event_processor.lists_changed, set()
        self.tasks.request_early(*changed)
        sooner = self._intervals.on_events(self.event_processor, now)
        self._save_batch()
        return bool(changed) or sooner

    def snapshot(self) -> Snapshot:
        """Return everything that a scrape serves, as of now."""
        self._server_time.update()
        board = current_board(self.account, self.account.server_ahead)
        self._once_logger.user_limit(board.dropped_users, self.account.settings.user_limit)
        return Snapshot(board, self.status())

    def status(self) -> Status:
        """Return the status of polling."""
        return Status(
            datasets=self._intervals.polling(),
            limit=self.budget.limit,
            budget=self.budget.requests_per_minute,
            remaining=self.budget.remaining,
            credential_rejected=self._failures.credential.rejected,
            complete_from=self.account.coverage.complete_since,
            seconds_missing=self.account.coverage.seconds_missing,
            set_aside=self.account.aside.counts,
            doubtful=doubtful_calls(self.account, self.tasks["calls"].as_of or 0.0),
        )

    def aircall_time(self) -> float | None:
        """Return Aircall's time (UNIX seconds) by the `Date` header, None until several answers agree on it.

        May be called by any thread.
        """
        return self._server_time.confirmed_now()

    # One step ------------------------------------------------------------------------------------

    def step(self) -> float:
        """Make the next request, if one is due and the budget allows it.

        Returns:
            When to call this again, on our steady clock.
        """
        now = self._clock()
        self._server_time.update()
        self._intervals.on_events(self.event_processor, now)
        if self._sender.ready_at > now:
            return self._sender.ready_at
        readable = self.tasks.runnable(now)
        tasks = [name for name, task in readable.items() if task.ready_at <= now]
        name = self._turns.next(
            [name for name in tasks if name != self._sender.refused_task] or tasks,
            schedule.share_for_rest(self.account.known),
            self._intervals.spare_share,
            self.tasks.on_demand,
        )
        if name is None:
            return min((task.ready_at for task in readable.values()), default=now + IDLE_WAIT_S)
        self._advance(name, now)
        self._server_time.update()
        self._once_logger.malformed(self.account)
        self._once_logger.set_aside(self.account.aside)
        self._once_logger.clocks(self._server_time.clock.machine_ahead)
        self._once_logger.backfill_progress(call_selection.backfill_remaining_s(self.account), now)
        self._save_batch()
        return self._clock()

    def _save_batch(self) -> None:
        batch = archiving.take_batch(self.account)
        if not batch:
            return
        try:
            self._save(batch)
        except QueueFullError:
            self._once_logger.queue_full(already=self.account.ledger.full)
            archiving.batch_rejected(self.account, batch)
            for name in BACKGROUND:
                self.tasks[name].abort()
        else:
            archiving.batch_accepted(self.account, batch)

    def _advance(self, name: str, now: float) -> None:
        task = self.tasks[name]
        if task.job is None:
            with self._guard_job(name, now):
                task.start(now, self._intervals.intervals.get(name, 0.0))
        request = task.pending
        if task.job is None or request is None:
            return
        task.requests += 1
        if task.requests > task.cost:
            self._intervals.recalculate()
        try:
            value = self._sender.send(name, request, now)
        except ApiError as error:
            self._on_api_error(name, request, error, now)
            return
        if not request.is_part:
            self._failures.list_fetched(name, request.template, now)
        task.failures = 0
        if task.job is None:  # the fetch was for the archive, and its queue is full
            return
        with self._guard_job(name, now):
            task.pending = task.job.send(Response(value, now))

    @contextmanager
    def _guard_job(self, name: str, now: float) -> Iterator[None]:
        """Run a part of a fetch: handle its end, and responses that cannot be decoded."""
        try:
            yield
        except StopIteration:
            self._results.succeeded(name)
        except (InvalidResponseError, ApiError) as error:
            self.tasks[name].restart()
            self._results.failed(name, str(error), now)
        except BaseException:
            self.tasks[name].restart()
            self._results.failed(name, "an internal error of the exporter", now)
            raise

    # Failures ------------------------------------------------------------------------------------

    def _on_api_error(self, name: str, request: Request[Any], error: ApiError, sent: float) -> None:
        task, now = self.tasks[name], self._clock()
        if isinstance(error, DroppedConnectionError):
            return  # the next step repeats the request on a new connection
        handling, error = self._failures.classify(name, request, error, sent)
        if isinstance(error, CredentialError):
            self._sender.paused_until = now + CREDENTIAL_RETRY_S
        if handling is Handling.WAIT_FOR_LIST:
            task.retry_at = now + PROOF_TIMEOUT_S
            return
        if handling is Handling.BY_FETCH and task.job:
            task.failures, task.failed_at = 0, None
            if error.code in NO_ANSWER and name not in LIVE:
                task.retry_at = sent + RETRY_S
            with self._guard_job(name, now):
                task.pending = task.job.throw(error)
            return
        if isinstance(error, RateLimitedError):
            age = now - (task.as_of or now)
            if name in CORE and age > max(RATE_LIMITED_STALE_AFTER_S, 3 * self._intervals.intervals[name]):
                self._results.failed(name, str(error), sent)
            return
        task.record_failure()
        self._results.failed(name, str(error), sent)
