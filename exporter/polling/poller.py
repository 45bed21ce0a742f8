"""The poller: the only one that decides when. One request at a time, each from the budget."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exporter.account.account import Account
from exporter.account.webhook_events import EventOutcome, EventProcessor
from exporter.aircall.budget import DEFAULT_BACKOFF_S, RequestBudget
from exporter.aircall.client import Client
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.endpoints import Request, Response
from exporter.aircall.errors import (
    CREDENTIAL_REJECTED,
    NO_ANSWER,
    ApiError,
    CredentialError,
    DroppedConnectionError,
    NotFoundError,
    RateLimitedError,
)
from exporter.aircall.events import Event
from exporter.aircall.headers import Headers
from exporter.aircall.server_clock import ServerClock
from exporter.archive.records import Batch, LoadedState, QueueFullError, TimeRange
from exporter.clock import Clocks
from exporter.config import Settings
from exporter.metrics.polling import PollerMetrics
from exporter.polling import estimate, schedule
from exporter.polling.credential import CredentialState
from exporter.polling.intervals import IntervalController
from exporter.polling.log_once import OnceLogger
from exporter.polling.on_demand import OnDemandRequest
from exporter.polling.schedule import CORE, DATASETS, DIRECTORY, ENDED_CALLS, LIVE, ON_DEMAND_REQUESTS
from exporter.polling.task import MAX_ATTEMPTS, RETRY_S
from exporter.polling.tasks import BACKGROUND, Tasks
from exporter.polling.throttling import Throttling
from exporter.status import Snapshot, Status

log = structlog.get_logger()

CREDENTIAL_RETRY_S = 10.0
"""Seconds between requests while the credential is rejected: no longer than between polls."""

MAX_UNPROVEN_FAILURES = 3
"""Objects that may fail before an answer to a list is waited for, which shows whether everything fails."""

PROOF_TIMEOUT_S = 600.0
"""Seconds for which that answer is waited for at most."""

RATE_LIMITED_CODE = "429"
"""The code of a request that Aircall refuses for its rate limit."""

IDLE_WAIT_S = 60.0
"""Seconds to the next look if there is nothing to request."""

RATE_LIMITED_STALE_AFTER_S = 30.0
"""Seconds, or else three intervals, by which what is known may be old while others use up the limit."""

INCOMPLETE_LIST_INTERVAL_S = 300.0
"""Seconds after which a list that is empty, or is short of objects or users, is read again, at the latest."""


class Poller:
    """Reads the account's datasets, each as often as it should be and the budget allows.

    `step` makes at most one request and says when to come again, so that a thread can drive it in real
    time and a test in any other. A failed request is made again here and nowhere else.
    """

    def __init__(
        self,
        settings: Settings,
        client: Client,
        registry: CollectorRegistry,
        clocks: Clocks,
        save: Callable[[Batch], object],
    ) -> None:
        """Poll `client`'s account by `clocks`, and hand over to `save` what the archive is to keep."""
        self.account = Account(settings)
        self.event_processor = EventProcessor(self.account)
        self.budget = RequestBudget(settings.aircall.budget_share, settings.aircall.configured_limit)
        self.while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered while an answer is waited for: others may use the account then."""
        self._client = client
        self._clock = clocks.steady
        self._save = save
        self._metrics = PollerMetrics(registry)
        self._server_clock = ServerClock(lambda: clocks.wall_ahead)
        self._lists_work = True
        """Whether the last request for a list worked: if so, an object that fails is at fault itself."""
        self._list_worked_at = 0.0
        self._unproven = 0
        """How many requests for parts have failed since then."""
        self._paused_until = 0.0
        self._throttling = Throttling()
        self._refused_lane: str | None = None
        """The lane whose request was answered with 429 last. Another lane that is ready goes first."""
        self._once_logger = OnceLogger(self.budget.limit)
        self.tasks = lanes = Tasks(self.account, self._server_clock)
        self._credential = CredentialState(lambda: lanes.enabled)
        self._turns = schedule.Turns()
        self._interval_controller = lanes.pace = IntervalController(
            self.account, lanes.by_name, self.budget, self._once_logger
        )

    # What the outside asks for -------------------------------------------------------------------

    def configure(self, settings: Settings, client: Client) -> None:
        """Follow a changed configuration, keeping everything known."""
        before = self.account.settings
        if settings.aircall.base_url != before.aircall.base_url:
            self.refresh()
        if settings.activity_period > before.activity_period:
            self.tasks["calls"].abort()  # what is under way was begun for the shorter one
            self.tasks.request_now("calls")
        self.account.configure(settings)
        self.budget.configure(settings.aircall.budget_share, settings.aircall.configured_limit)
        self._client = client
        self._paused_until = 0.0
        self._interval_controller.recalculate()
        for name, interval in self._interval_controller.intervals.items():
            lane = self.tasks[name]
            lane.due = min(lane.due, lane.started + interval)

    def refresh(self) -> bool:
        """Read users, teams, numbers and assignments again (the tutorial's "Clear Cache").

        Requests that come while one is pending, or within a minute, are one. Returns whether anything
        that is shown has changed at once: no.
        """
        self.tasks.request_early(*DIRECTORY, "assignments")
        return False

    def restore(self, memory: LoadedState) -> None:
        """Go on from what the archive remembers, and read what went by since it was written.

        An archive that was replaced is restored again: then all that followed from the earlier one is read
        again.
        """
        if self.account.ledger.totals is not None:
            self.account.begin_again()
            for name in ("calls", *BACKGROUND):
                self.tasks[name].abort()
            self.tasks.request_now("calls")
        self.account.restore(memory)

    def submit(self, errand: OnDemandRequest[Any], lane: str = ON_DEMAND_REQUESTS) -> None:
        """Do what somebody waits for."""
        self.tasks.pending_requests[lane].append(errand)

    def set_manual_backfill(self, spans: tuple[TimeRange, ...]) -> bool:
        """Read these spans of the past besides, in place of those before; whether they are others."""
        before, self.account.coverage.requested = self.account.coverage.requested, spans
        return spans != before

    @property
    def ready_for_events(self) -> bool:
        """Whether events can be taken in: what they may change is known once a poll of calls has begun."""
        return self.account.first_poll_at is not None

    def apply_events(self, events: Sequence[Event], count: Callable[[str, EventOutcome], object]) -> bool:
        """Take in what Aircall tells by itself, and `count` what became of each event.

        Gives whether something is to be read sooner than was said.
        """
        now = self._clock()
        self._tell_time()
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
        """Everything that is served, as of now."""
        self._tell_time()
        board = self.account.board(self.account.server_ahead)
        self._once_logger.user_limit(board.dropped_users, self.account.settings.user_limit)
        return Snapshot(board, self.status())

    def status(self) -> Status:
        """How the polling goes."""
        return Status(
            datasets=self._interval_controller.polling(),
            limit=self.budget.limit,
            budget=self.budget.requests_per_minute,
            remaining=self.budget.remaining,
            credential_rejected=self._credential.rejected,
            complete_from=self.account.coverage.complete_since,
            seconds_missing=self.account.coverage.seconds_missing,
            set_aside=self.account.aside.counts,
            doubtful=self.account.doubtful_calls(self.tasks["calls"].as_of or 0.0),
        )

    def aircall_time(self) -> float | None:
        """Return Aircall's time (UNIX seconds) by `Date`, None until several answers have agreed on it.

        May be called by any thread.
        """
        ahead = self._server_clock.confirmed_ahead
        return None if ahead is None else self._clock() + ahead

    # One step ------------------------------------------------------------------------------------

    def step(self) -> float:
        """Make the next request, if one is due and the budget has room; gives the time to come again."""
        now = self._clock()
        self._tell_time()
        self._interval_controller.on_events(self.event_processor, now)
        ready = max(self.budget.ready_at, self._paused_until)
        if ready > now:
            return ready
        readable = self.tasks.runnable(now)
        lanes = [name for name, lane in readable.items() if lane.ready_at <= now]
        name = self._turns.next(
            [name for name in lanes if name != self._refused_lane] or lanes,
            schedule.share_for_rest(self.account.known),
            self._interval_controller.spare_share,
            self.tasks.on_demand,
        )
        if name is None:
            return min((lane.ready_at for lane in readable.values()), default=now + IDLE_WAIT_S)
        self._advance(name, now)
        self._tell_time()
        self._once_logger.malformed(self.account)
        self._once_logger.set_aside(self.account.aside)
        self._once_logger.clocks(self._server_clock.machine_ahead)
        self._once_logger.backfill_progress(self.account.seconds_to_read, now)
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
        lane = self.tasks[name]
        if lane.job is None:
            with self._guard_job(name, now):
                lane.start(now, self._interval_controller.intervals.get(name, 0.0))
        request = lane.pending
        if lane.job is None or request is None:
            return
        self.budget.acquire(now)
        lane.requests += 1
        if lane.requests > lane.cost:
            self._interval_controller.recalculate()
        try:
            with self.while_waiting():
                value, headers = self._client.send(request)
        except RateLimitedError as error:
            self._throttled(name, request, error, now)
            return
        except ApiError as error:
            self._answered(request, error)
            self._apply_headers(error.headers, now, request.template)
            self._on_api_error(name, request, error, now)
            return
        self._answered(request)
        self._apply_headers(headers, now, request.template)
        if not request.is_part:
            self._list_worked(name, request.template, now)
        lane.failures = 0
        if lane.job is None:  # it was for the archive, which has no room for it any more
            return
        with self._guard_job(name, now):
            lane.pending = lane.job.send(Response(value, now))

    @contextmanager
    def _guard_job(self, name: str, now: float) -> Iterator[None]:
        """Run a piece of a reading: it may come to its end, or make no sense of what came."""
        try:
            yield
        except StopIteration:
            self._finished(name)
        except (InvalidResponseError, ApiError) as error:
            self.tasks[name].restart()
            self._failed(name, str(error), now)
        except BaseException:
            self.tasks[name].restart()
            self._failed(name, "an error of the exporter's own", now)
            raise

    def _finished(self, name: str) -> None:
        lane = self.tasks[name]
        if lane.failing_since is not None:
            log.info("reading works again", what=name, after=f"{self._clock() - lane.failing_since:.0f}s")
        first = lane.as_of is None
        lane.finish()
        lane.schedule_verification(name in self.account.reference_data.unconfirmed_lists)
        if not first:
            estimate.learn(name, lane, self.account)
        if name == "availabilities":
            self.event_processor.on_availabilities_fetched()
            if self._interval_controller.synchronised:
                self.tasks[ENDED_CALLS].due = min(self.tasks[ENDED_CALLS].due, self._clock())
        if name in DATASETS:
            self._metrics.polls.labels(name, "success").inc()
            self._read_early()
        if name in self._interval_controller.intervals:
            self._interval_controller.recalculate()
            lane.due = lane.scheduled + self._interval_controller.intervals[name]
            if self.account.reference_data.incomplete(name):
                lane.due = min(lane.due, lane.scheduled + INCOMPLETE_LIST_INTERVAL_S)

    # When it goes wrong --------------------------------------------------------------------------

    def _list_worked(self, name: str, template: str, sent: float) -> None:
        self._lists_work, self._list_worked_at, self._unproven = True, sent, 0
        self._release()
        if self._credential.read(name, template):
            log.info("Aircall accepts the credential again")

    def _release(self) -> None:
        """Go on with what waited for an answer to a list."""
        for lane in self.tasks.by_name.values():
            if lane.failed_at is not None:
                lane.retry_at = 0.0

    def _answered(self, request: Request[Any], error: ApiError | None = None) -> None:
        """Record an answer that is not a 429, if there was one."""
        self._refused_lane = None
        if error is None or error.code not in NO_ANSWER:
            self._throttling.answered(request)

    def _throttled(self, name: str, request: Request[Any], error: RateLimitedError, sent: float) -> None:
        """Decide whether a 429 is about the company's limit or about this request only."""
        now, headers = self._clock(), error.headers
        self._metrics.throttled.inc()
        self._refused_lane = name
        refusal = self._throttling.refused(request, headers, now)
        if refusal.pauses:
            self._apply_headers(headers, sent, request.template)
            until = self.budget.on_rate_limited(headers, now, self._server_clock.ahead)
            log.warning("the company's rate limit is used up", waiting=f"{until - now:.0f}s")
        else:
            self._apply_headers(replace(headers, remaining=None, reset=None), sent, request.template)
        if refusal.is_failure:
            self._on_api_error(name, request, ApiError(error.code, str(error), headers), sent)
            return
        if not refusal.pauses:
            self.tasks[name].retry_at = now + DEFAULT_BACKOFF_S
        self._on_api_error(name, request, error, sent)

    def _on_api_error(self, name: str, request: Request[Any], error: ApiError, sent: float) -> None:
        lane, now = self.tasks[name], self._clock()
        if isinstance(error, DroppedConnectionError):
            return  # the next step repeats the request on a new connection
        if not (request.is_part or error.code == RATE_LIMITED_CODE or isinstance(error, NotFoundError)):
            self._lists_work = False
            self._release()
            self.account.aside.lists_failed()
            if not isinstance(error, CredentialError):
                self._credential.failed(name, request.template)
        forbidden = isinstance(error, CredentialError)
        if isinstance(error, CredentialError):
            if self._is_credential_rejected(name, request, error):
                self._paused_until = now + CREDENTIAL_RETRY_S
            else:
                error = ApiError(error.code, str(error), error.headers)
        if self._credential.lane_to_ask is not None:
            self.tasks.request_now(self._credential.lane_to_ask)
        if lane.job is not None and self._is_for_the_reading(name, request, error):
            if request.is_part and self._is_unproven(name, error, forbidden, sent):
                lane.retry_at = now + PROOF_TIMEOUT_S
                return
            lane.failures, lane.failed_at = 0, None
            if error.code in NO_ANSWER and name not in LIVE:
                lane.retry_at = sent + RETRY_S
            with self._guard_job(name, now):
                lane.pending = lane.job.throw(error)
            return
        if isinstance(error, RateLimitedError):
            age = now - (lane.as_of or now)
            if name in CORE and age > max(
                RATE_LIMITED_STALE_AFTER_S, 3 * self._interval_controller.intervals[name]
            ):
                self._failed(name, str(error), sent)
            return
        lane.record_failure()
        self._failed(name, str(error), sent)

    def _is_for_the_reading(self, name: str, request: Request[Any], error: ApiError) -> bool:
        """Whether the reading itself is to deal with the error, rather than the request be made again.

        Those are errors about one object or part of a list, while lists can be read. As long as a list was
        never read whole, a page of it is asked for a second time before it is left out.
        """
        if isinstance(error, NotFoundError) or name in self.tasks.pending_requests:
            return True
        if isinstance(error, RateLimitedError) or not (request.is_part and self._lists_work):
            return False
        lane = self.tasks[name]
        first = name in DATASETS and request.id is None and lane.as_of is None
        return not first or lane.failures + 1 >= MAX_ATTEMPTS

    def _is_unproven(self, name: str, error: ApiError, forbidden: bool, sent: float) -> bool:
        """Whether to make sure that lists can still be read, before an object is taken to be at fault.

        Live data do not wait for that, nor does anybody who waits for an answer.
        """
        lane = self.tasks[name]
        if name in LIVE or name in self.tasks.pending_requests or isinstance(error, NotFoundError):
            return False
        if lane.failed_at is not None and lane.failed_at < self._list_worked_at:
            return False
        self._unproven += 1
        if self._unproven <= MAX_UNPROVEN_FAILURES and not forbidden:
            return False
        lane.failed_at = sent if lane.failed_at is None else lane.failed_at
        if not set(CORE) & set(self.tasks.enabled):
            self.tasks.request_now("teams")  # no list is asked for anyway
        return True

    def _is_credential_rejected(self, name: str, request: Request[Any], error: CredentialError) -> bool:
        """Whether a request that is forbidden says, or repeats, that the credential is rejected.

        A part of a list says so only if that list is to decide: its reading may be under way.
        """
        before = self._credential.rejected
        decides = name == self._credential.lane_to_ask and request.id is None
        if request.is_part and not decides:
            return before
        rejected = self._credential.forbidden(name, request.template)
        if rejected and not before:
            log.error(CREDENTIAL_REJECTED, answer=error.code, trying_again=f"every {CREDENTIAL_RETRY_S:.0f}s")
        return rejected

    def _failed(self, name: str, problem: str, sent: float) -> None:
        """Try again some time after the request was `sent`, not after it was given up."""
        lane = self.tasks[name]
        if lane.failing_since is None and not self._credential.rejected:
            log.warning("reading failed, the last good values stay", what=name, problem=problem)
        lane.fail(sent, self._interval_controller.intervals.get(name, math.inf))
        if name in DATASETS:
            self._metrics.polls.labels(name, "error").inc()

    def _apply_headers(self, headers: Headers, sent: float, endpoint: str) -> None:
        received, before = self._clock(), self.budget.limit
        if headers.date is not None:
            self._server_clock.observe(headers.date, sent, received)
            self._tell_time()
        self.budget.update_from_headers(headers, received, self._server_clock.ahead, endpoint)
        self._once_logger.limit(self.budget.limit, self.budget.requests_per_minute, received)
        if self.budget.limit != before:
            self._interval_controller.recalculate()

    def _tell_time(self) -> None:
        """Tell the account Aircall's time, which also follows from the calls that have been read."""
        if self.account.new_starts:
            self._server_clock.calls_began(self.account.new_starts, self._clock())
            self.account.new_starts.clear()
        self.account.server_ahead = self._server_clock.ahead
        self.account.clocks_agree = self._server_clock.agree

    def _read_early(self) -> None:
        """Read the directory early if an object appears that it does not list, or if a user has left."""
        known = set(DIRECTORY) <= self.account.known
        if known and (strangers := self.account.new_strangers(self._clock())):
            log.info("unlisted objects, reading the directory early", objects=len(strangers))
            self.tasks.request_early(*DIRECTORY)
        self._once_logger.unknown_names(self.account.unknown_names)
        if self.account.reference_data.assignments_outdated:
            self.tasks.request_early("assignments")
