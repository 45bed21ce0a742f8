"""Poll Aircall: decide when each request is sent, one at a time, out of one request budget."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exporter.account.account import Account
from exporter.account.records import Batch, LoadedState, QueueFullError, TimeRange
from exporter.account.webhook_events import EventOutcome, EventProcessor
from exporter.aircall.budget import DEFAULT_BACKOFF_S, RequestBudget
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
from exporter.aircall.headers import Headers
from exporter.aircall.server_clock import ServerClock
from exporter.clock import Clocks
from exporter.config.settings import Settings
from exporter.polling import call_selection, estimate, schedule
from exporter.polling.failure_classifier import CREDENTIAL_RETRY_S, FailureClassifier, Handling
from exporter.polling.intervals import IntervalController
from exporter.polling.log_once import OnceLogger
from exporter.polling.metrics import PollerMetrics
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.schedule import CORE, DATASETS, DIRECTORY, ENDED_CALLS, LIVE, ON_DEMAND_REQUESTS
from exporter.polling.status import Snapshot, Status
from exporter.polling.task import RETRY_S
from exporter.polling.tasks import BACKGROUND, Tasks
from exporter.polling.throttling import Throttling

log = structlog.get_logger()

PROOF_TIMEOUT_S = 600.0
"""Longest time in seconds for which the poller waits for that list."""

IDLE_WAIT_S = 60.0
"""Seconds to the next step if there is nothing to request."""

RATE_LIMITED_STALE_AFTER_S = 30.0
"""Largest age in seconds while other clients use up the limit; three intervals if that is longer."""

INCOMPLETE_LIST_INTERVAL_S = 300.0
"""Longest interval in seconds to the next fetch of a list that is empty or lacks objects or users."""


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
        self.account = Account(settings)
        self.event_processor = EventProcessor(self.account)
        self.budget = RequestBudget(settings.aircall.budget_share, settings.aircall.configured_limit)
        self.while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered while the poller waits for an answer: other threads may use the account then."""
        self._client = client
        self._clock = clocks.steady
        self._save = save
        self._metrics = PollerMetrics(registry)
        self._server_clock = ServerClock(lambda: clocks.wall_ahead)
        self._paused_until = 0.0
        self._throttling = Throttling()
        self._refused_task: str | None = None
        """The task whose request was answered with 429 last. Another task that is ready goes first."""
        self._once_logger = OnceLogger(self.budget.limit)
        self.tasks = tasks = Tasks(self.account, self._server_clock)
        self._failures = FailureClassifier(self.account, tasks)
        self._turns = schedule.Turns()
        self._interval_controller = tasks.pace = IntervalController(
            self.account, tasks.by_name, self.budget, self._once_logger
        )

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
        self._client = client
        self._paused_until = 0.0
        self._interval_controller.recalculate()
        for name, interval in self._interval_controller.intervals.items():
            task = self.tasks[name]
            task.due = min(task.due, task.started + interval)

    def refresh(self) -> bool:
        """Fetch users, teams, numbers and assignments again (the tutorial's "Clear Cache").

        Calls while a fetch is pending, or within a minute, cause only one. Returns whether the snapshot has
        changed already, which is always False.
        """
        self.tasks.request_early(*DIRECTORY, "assignments")
        return False

    def restore(self, memory: LoadedState) -> None:
        """Continue from the archive's state, and fetch the calls since then.

        Called again if the archive was replaced: then everything that was derived from the earlier archive is
        fetched again.
        """
        if self.account.ledger.totals is not None:
            self.account.begin_again()
            for name in ("calls", *BACKGROUND):
                self.tasks[name].abort()
            self.tasks.request_now("calls")
        self.account.restore(memory)

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
        self._update_server_time()
        self.account.advance_to(now + self._server_clock.ahead)
        for event in events:
            count(event.name, self.event_processor.apply(event, now))
        users_changed, self.event_processor.users_changed = self.event_processor.users_changed, False
        if users_changed:
            self.tasks.request_early("users")
        sooner = self._interval_controller.on_events(self.event_processor, now)
        self._save_batch()
        return users_changed or sooner

    def snapshot(self) -> Snapshot:
        """Return everything that a scrape serves, as of now."""
        self._update_server_time()
        board = self.account.board(self.account.server_ahead)
        self._once_logger.user_limit(board.dropped_users, self.account.settings.user_limit)
        return Snapshot(board, self.status())

    def status(self) -> Status:
        """Return the status of polling."""
        return Status(
            datasets=self._interval_controller.polling(),
            limit=self.budget.limit,
            budget=self.budget.requests_per_minute,
            remaining=self.budget.remaining,
            credential_rejected=self._failures.credential.rejected,
            complete_from=self.account.coverage.complete_since,
            seconds_missing=self.account.coverage.seconds_missing,
            set_aside=self.account.aside.counts,
            doubtful=self.account.doubtful_calls(self.tasks["calls"].as_of or 0.0),
        )

    def aircall_time(self) -> float | None:
        """Return Aircall's time (UNIX seconds) by the `Date` header, None until several answers agree on it.

        May be called by any thread.
        """
        ahead = self._server_clock.confirmed_ahead
        return None if ahead is None else self._clock() + ahead

    # One step ------------------------------------------------------------------------------------

    def step(self) -> float:
        """Make the next request, if one is due and the budget allows it.

        Returns:
            When to call this again, on our steady clock.
        """
        now = self._clock()
        self._update_server_time()
        self._interval_controller.on_events(self.event_processor, now)
        ready = max(self.budget.ready_at, self._paused_until)
        if ready > now:
            return ready
        readable = self.tasks.runnable(now)
        tasks = [name for name, task in readable.items() if task.ready_at <= now]
        name = self._turns.next(
            [name for name in tasks if name != self._refused_task] or tasks,
            schedule.share_for_rest(self.account.known),
            self._interval_controller.spare_share,
            self.tasks.on_demand,
        )
        if name is None:
            return min((task.ready_at for task in readable.values()), default=now + IDLE_WAIT_S)
        self._advance(name, now)
        self._update_server_time()
        self._once_logger.malformed(self.account)
        self._once_logger.set_aside(self.account.aside)
        self._once_logger.clocks(self._server_clock.machine_ahead)
        self._once_logger.backfill_progress(call_selection.backfill_remaining_s(self.account), now)
        self._save_batch()
        return self._clock()

    def _save_batch(self) -> None:
        batch = self.account.take_batch()
        if not batch:
            return
        try:
            self._save(batch)
        except QueueFullError:
            self._once_logger.queue_full(already=self.account.ledger.full)
            self.account.batch_rejected(batch)
            for name in BACKGROUND:
                self.tasks[name].abort()
        else:
            self.account.batch_accepted(batch)

    def _advance(self, name: str, now: float) -> None:
        task = self.tasks[name]
        if task.job is None:
            with self._guard_job(name, now):
                task.start(now, self._interval_controller.intervals.get(name, 0.0))
        request = task.pending
        if task.job is None or request is None:
            return
        self.budget.acquire(now)
        task.requests += 1
        if task.requests > task.cost:
            self._interval_controller.recalculate()
        try:
            with self.while_waiting():
                value, headers = self._client.send(request)
        except RateLimitedError as error:
            self._on_throttled(name, request, error, now)
            return
        except ApiError as error:
            self._record_answer(request, error)
            self._apply_headers(error.headers, now, request.template)
            self._on_api_error(name, request, error, now)
            return
        self._record_answer(request)
        self._apply_headers(headers, now, request.template)
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
            self._finished(name)
        except (InvalidResponseError, ApiError) as error:
            self.tasks[name].restart()
            self._failed(name, str(error), now)
        except BaseException:
            self.tasks[name].restart()
            self._failed(name, "an internal error of the exporter", now)
            raise

    def _finished(self, name: str) -> None:
        task = self.tasks[name]
        if task.failing_since is not None:
            log.info("fetch works again", task=name, after=f"{self._clock() - task.failing_since:.0f}s")
        first = task.as_of is None
        task.finish()
        task.schedule_verification(name in self.account.reference_data.unconfirmed_lists)
        if not first:
            estimate.learn(name, task, self.account)
        if name == "availabilities":
            self.event_processor.on_availabilities_fetched()
            if self._interval_controller.synchronised:
                self.tasks[ENDED_CALLS].due = min(self.tasks[ENDED_CALLS].due, self._clock())
        if name in DATASETS:
            self._metrics.polls.labels(name, "success").inc()
            self._fetch_early()
        if name in self._interval_controller.intervals:
            self._interval_controller.recalculate()
            task.due = task.scheduled + self._interval_controller.intervals[name]
            if self.account.reference_data.incomplete(name):
                task.due = min(task.due, task.scheduled + INCOMPLETE_LIST_INTERVAL_S)

    # Failures ------------------------------------------------------------------------------------

    def _record_answer(self, request: Request[Any], error: ApiError | None = None) -> None:
        """Record an answer that is not a 429, if there was one."""
        self._refused_task = None
        if error is None or error.code not in NO_ANSWER:
            self._throttling.answered(request)

    def _on_throttled(self, name: str, request: Request[Any], error: RateLimitedError, sent: float) -> None:
        """Decide whether a 429 is about the company's limit or about this request only."""
        now, headers = self._clock(), error.headers
        self._metrics.throttled.inc()
        self._refused_task = name
        refusal = self._throttling.refused(request, headers, now)
        if refusal.pauses:
            self._apply_headers(headers, sent, request.template)
            until = self.budget.on_rate_limited(headers, now, self._server_clock.ahead)
            log.warning("company's rate limit used up", waiting=f"{until - now:.0f}s")
        else:
            self._apply_headers(replace(headers, remaining=None, reset=None), sent, request.template)
        if refusal.is_failure:
            self._on_api_error(name, request, ApiError(error.code, str(error), headers), sent)
            return
        if not refusal.pauses:
            self.tasks[name].retry_at = now + DEFAULT_BACKOFF_S
        self._on_api_error(name, request, error, sent)

    def _on_api_error(self, name: str, request: Request[Any], error: ApiError, sent: float) -> None:
        task, now = self.tasks[name], self._clock()
        if isinstance(error, DroppedConnectionError):
            return  # the next step repeats the request on a new connection
        handling, error = self._failures.classify(name, request, error, sent)
        if isinstance(error, CredentialError):
            self._paused_until = now + CREDENTIAL_RETRY_S
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
            if name in CORE and age > max(
                RATE_LIMITED_STALE_AFTER_S, 3 * self._interval_controller.intervals[name]
            ):
                self._failed(name, str(error), sent)
            return
        task.record_failure()
        self._failed(name, str(error), sent)

    def _failed(self, name: str, problem: str, sent: float) -> None:
        """Schedule a retry, measured from when the request was `sent`, not from when it timed out."""
        task = self.tasks[name]
        if task.failing_since is None and not self._failures.credential.rejected:
            log.warning("fetch failed; serving last known values", task=name, problem=problem)
        task.fail(sent, self._interval_controller.intervals.get(name, math.inf))
        if name in DATASETS:
            self._metrics.polls.labels(name, "error").inc()

    def _apply_headers(self, headers: Headers, sent: float, endpoint: str) -> None:
        received, before = self._clock(), self.budget.limit
        if headers.date is not None:
            self._server_clock.observe(headers.date, sent, received)
            self._update_server_time()
        self.budget.update_from_headers(headers, received, self._server_clock.ahead, endpoint)
        self._once_logger.limit(self.budget.limit, self.budget.requests_per_minute, received)
        if self.budget.limit != before:
            self._interval_controller.recalculate()

    def _update_server_time(self) -> None:
        """Update the account's estimate of Aircall's time, which also depends on the fetched calls."""
        if self.account.new_starts:
            self._server_clock.calls_began(self.account.new_starts, self._clock())
            self.account.new_starts.clear()
        self.account.server_ahead = self._server_clock.ahead
        self.account.clocks_agree = self._server_clock.agree

    def _fetch_early(self) -> None:
        """Fetch reference data early if an unlisted object appears or a user has left."""
        known = set(DIRECTORY) <= self.account.known
        if known and (unlisted := self.account.unlisted_to_report(self._clock())):
            log.info("unlisted objects; fetching reference data early", objects=len(unlisted))
            self.tasks.request_early(*DIRECTORY)
        self._once_logger.unknown_names(self.account.unknown_names)
        if self.account.reference_data.assignments_outdated:
            self.tasks.request_early("assignments")
