"""The poller: the only one that decides when. One request at a time, each from the budget."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exporter.account.account import Account
from exporter.account.told import Heard, Told
from exporter.aircall.budget import UNKNOWN_RESET, RequestBudget
from exporter.aircall.client import Client
from exporter.aircall.clock import ServerClock
from exporter.aircall.decoding import InvalidAnswerError
from exporter.aircall.endpoints import Answer, Request
from exporter.aircall.errors import (
    NO_ANSWER,
    REJECTED,
    ApiError,
    CredentialError,
    DroppedConnectionError,
    NotFoundError,
    ThrottledError,
)
from exporter.aircall.events import Event
from exporter.aircall.headers import Headers
from exporter.archive.records import Batch, Memory, NoRoomError, Span
from exporter.clock import Clocks
from exporter.config import Settings
from exporter.metrics.polling import PollerMetrics
from exporter.polling import reckoning, schedule
from exporter.polling.credential import CredentialState
from exporter.polling.errand import Errand
from exporter.polling.lane import PATIENCE, RETRY
from exporter.polling.lanes import ARCHIVE, Lanes
from exporter.polling.pace import Pace
from exporter.polling.remarks import Remarks
from exporter.polling.schedule import BOARD, DATASETS, DIRECTORY, ENDINGS, ERRANDS, LIVE
from exporter.polling.throttling import Throttling
from exporter.status import Snapshot, Status

log = structlog.get_logger()

CREDENTIAL_RETRY = 10.0
"""Seconds between requests while the credential is rejected: no longer than between polls."""

MOST_UNPROVEN = 3
"""Objects that may fail before an answer to a list is waited for, which shows whether everything fails."""

PROOF = 600.0
"""Seconds for which that answer is waited for at most."""

THROTTLED = "429"
"""The code of a request that Aircall refuses for its rate limit."""

IDLE = 60.0
"""Seconds to the next look if there is nothing to request."""

THROTTLED_PATIENCE = 30.0
"""Seconds, or else three intervals, by which what is known may be old while others use up the limit."""

INCOMPLETE_LIST_INTERVAL = 300.0
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
        self.told = Told(self.account)
        self.budget = RequestBudget(settings.aircall.budget_share, settings.aircall.configured_limit)
        self.aside: Callable[[], AbstractContextManager[None]] = nullcontext
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
        self._remarks = Remarks(self.budget.limit)
        self.lanes = lanes = Lanes(self.account, self._server_clock)
        self._credential = CredentialState(lambda: lanes.served)
        self._turns = schedule.Turns()
        self._pace = lanes.pace = Pace(self.account, lanes.by_name, self.budget, self._remarks)

    # What the outside asks for -------------------------------------------------------------------

    def configure(self, settings: Settings, client: Client) -> None:
        """Follow a changed configuration, keeping everything known."""
        before = self.account.settings
        if settings.aircall.base_url != before.aircall.base_url:
            self.refresh()
        if settings.activity_period > before.activity_period:
            self.lanes["calls"].drop()  # what is under way was begun for the shorter one
            self.lanes.ask("calls")
        self.account.configure(settings)
        self.budget.configure(settings.aircall.budget_share, settings.aircall.configured_limit)
        self._client = client
        self._paused_until = 0.0
        self._pace.set()
        for name, interval in self._pace.intervals.items():
            lane = self.lanes[name]
            lane.due = min(lane.due, lane.started + interval)

    def refresh(self) -> bool:
        """Read users, teams, numbers and assignments again (the tutorial's "Clear Cache").

        Requests that come while one is pending, or within a minute, are one. Returns whether anything
        that is shown has changed at once: no.
        """
        self.lanes.ask_early(*DIRECTORY, "assignments")
        return False

    def restore(self, memory: Memory) -> None:
        """Go on from what the archive remembers, and read what went by since it was written.

        An archive that was replaced is restored again: then all that followed from the earlier one is read
        again.
        """
        if self.account.ledger.totals is not None:
            self.account.begin_again()
            for name in ("calls", *ARCHIVE):
                self.lanes[name].drop()
            self.lanes.ask("calls")
        self.account.restore(memory)

    def run(self, errand: Errand[Any], lane: str = ERRANDS) -> None:
        """Do what somebody waits for."""
        self.lanes.errands[lane].append(errand)

    def wish(self, spans: tuple[Span, ...]) -> bool:
        """Read these spans of the past besides, in place of those before; whether they are others."""
        before, self.account.history.wishes = self.account.history.wishes, spans
        return spans != before

    @property
    def hears(self) -> bool:
        """Whether events can be taken in: what they may change is known once a poll of calls has begun."""
        return self.account.first_poll_at is not None

    def hear(self, events: Sequence[Event], count: Callable[[str, Heard], object]) -> bool:
        """Take in what Aircall tells by itself, and `count` what became of each event.

        Gives whether something is to be read sooner than was said.
        """
        now = self._clock()
        self._tell_time()
        self.account.slide(now + self._server_clock.ahead)
        for event in events:
            count(event.name, self.told.hear(event, now))
        users_changed, self.told.users_changed = self.told.users_changed, False
        if users_changed:
            self.lanes.ask_early("users")
        sooner = self._pace.follow(self.told, now)
        self._keep()
        return users_changed or sooner

    def snapshot(self) -> Snapshot:
        """Everything that is served, as of now."""
        self._tell_time()
        board = self.account.board(self.account.server_ahead)
        self._remarks.left_out(board.left_out, self.account.settings.user_limit)
        return Snapshot(board, self.status())

    def status(self) -> Status:
        """How the polling goes."""
        return Status(
            datasets=self._pace.polling(),
            limit=self.budget.limit,
            budget=self.budget.requests_per_minute,
            remaining=self.budget.remaining,
            credential_rejected=self._credential.rejected,
            complete_from=self.account.history.complete_from,
            seconds_missing=self.account.history.seconds_missing,
            set_aside=self.account.aside.counts,
            doubtful=self.account.doubtful_calls(self.lanes["calls"].as_of or 0.0),
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
        self._pace.follow(self.told, now)
        ready = max(self.budget.ready_at, self._paused_until)
        if ready > now:
            return ready
        readable = self.lanes.readable(now)
        lanes = [name for name, lane in readable.items() if lane.ready_at <= now]
        name = self._turns.next(
            [name for name in lanes if name != self._refused_lane] or lanes,
            schedule.share_for_rest(self.account.known),
            self._pace.free,
            self.lanes.on_demand,
        )
        if name is None:
            return min((lane.ready_at for lane in readable.values()), default=now + IDLE)
        self._go_on(name, now)
        self._tell_time()
        self._remarks.oddities(self.account)
        self._remarks.set_aside(self.account.aside)
        self._remarks.clocks(self._server_clock.machine_ahead)
        self._remarks.past(self.account.seconds_to_read, now)
        self._keep()
        return self._clock()

    def _keep(self) -> None:
        batch = self.account.take_batch()
        if not batch:
            return
        try:
            self._save(batch)
        except NoRoomError:
            self._remarks.no_room(already=self.account.ledger.full)
            self.account.not_kept(batch)
            for name in ARCHIVE:
                self.lanes[name].drop()
        else:
            self.account.kept(batch)

    def _go_on(self, name: str, now: float) -> None:
        lane = self.lanes[name]
        if lane.read is None:
            with self._reading(name, now):
                lane.start(now, self._pace.intervals.get(name, 0.0))
        request = lane.pending
        if lane.read is None or request is None:
            return
        self.budget.spend(now)
        lane.requests += 1
        if lane.requests > lane.cost:
            self._pace.set()
        try:
            with self.aside():
                value, headers = self._client.send(request)
        except ThrottledError as error:
            self._throttled(name, request, error, now)
            return
        except ApiError as error:
            self._answered(request, error)
            self._hear(error.headers, now, request.template)
            self._refused(name, request, error, now)
            return
        self._answered(request)
        self._hear(headers, now, request.template)
        if not request.is_part:
            self._list_worked(name, request.template, now)
        lane.failures = 0
        if lane.read is None:  # it was for the archive, which has no room for it any more
            return
        with self._reading(name, now):
            lane.pending = lane.read.send(Answer(value, now))

    @contextmanager
    def _reading(self, name: str, now: float) -> Iterator[None]:
        """Run a piece of a reading: it may come to its end, or make no sense of what came."""
        try:
            yield
        except StopIteration:
            self._finished(name)
        except (InvalidAnswerError, ApiError) as error:
            self.lanes[name].begin_anew()
            self._failed(name, str(error), now)
        except BaseException:
            self.lanes[name].begin_anew()
            self._failed(name, "an error of the exporter's own", now)
            raise

    def _finished(self, name: str) -> None:
        lane = self.lanes[name]
        if lane.failing_since is not None:
            log.info("reading works again", what=name, after=f"{self._clock() - lane.failing_since:.0f}s")
        first = lane.as_of is None
        lane.finish()
        lane.make_sure(name in self.account.lists.in_doubt)
        if not first:
            reckoning.learn(name, lane, self.account)
        if name == "availabilities":
            self.told.looked()
            if self._pace.in_step:
                self.lanes[ENDINGS].due = min(self.lanes[ENDINGS].due, self._clock())
        if name in DATASETS:
            self._metrics.polls.labels(name, "success").inc()
            self._read_early()
        if name in self._pace.intervals:
            self._pace.set()
            lane.due = lane.scheduled + self._pace.intervals[name]
            if self.account.lists.incomplete(name):
                lane.due = min(lane.due, lane.scheduled + INCOMPLETE_LIST_INTERVAL)

    # When it goes wrong --------------------------------------------------------------------------

    def _list_worked(self, name: str, template: str, sent: float) -> None:
        self._lists_work, self._list_worked_at, self._unproven = True, sent, 0
        self._release()
        if self._credential.read(name, template):
            log.info("Aircall accepts the credential again")

    def _release(self) -> None:
        """Go on with what waited for an answer to a list."""
        for lane in self.lanes.by_name.values():
            if lane.failed_at is not None:
                lane.retry_at = 0.0

    def _answered(self, request: Request[Any], error: ApiError | None = None) -> None:
        """Record an answer that is not a 429, if there was one."""
        self._refused_lane = None
        if error is None or error.code not in NO_ANSWER:
            self._throttling.answered(request)

    def _throttled(self, name: str, request: Request[Any], error: ThrottledError, sent: float) -> None:
        """Decide whether a 429 is about the company's limit or about this request only."""
        now, headers = self._clock(), error.headers
        self._metrics.throttled.inc()
        self._refused_lane = name
        refusal = self._throttling.refused(request, headers, now)
        if refusal.pauses:
            self._hear(headers, sent, request.template)
            until = self.budget.throttled(headers, now, self._server_clock.ahead)
            log.warning("the company's rate limit is used up", waiting=f"{until - now:.0f}s")
        else:
            self._hear(replace(headers, remaining=None, reset=None), sent, request.template)
        if refusal.is_failure:
            self._refused(name, request, ApiError(error.code, str(error), headers), sent)
            return
        if not refusal.pauses:
            self.lanes[name].retry_at = now + UNKNOWN_RESET
        self._refused(name, request, error, sent)

    def _refused(self, name: str, request: Request[Any], error: ApiError, sent: float) -> None:
        lane, now = self.lanes[name], self._clock()
        if isinstance(error, DroppedConnectionError):
            return  # the next step repeats the request on a new connection
        if not (request.is_part or error.code == THROTTLED or isinstance(error, NotFoundError)):
            self._lists_work = False
            self._release()
            self.account.aside.lists_failed()
            if not isinstance(error, CredentialError):
                self._credential.failed(name, request.template)
        forbidden = isinstance(error, CredentialError)
        if isinstance(error, CredentialError):
            if self._is_credential_rejected(name, request, error):
                self._paused_until = now + CREDENTIAL_RETRY
            else:
                error = ApiError(error.code, str(error), error.headers)
        if self._credential.lane_to_ask is not None:
            self.lanes.ask(self._credential.lane_to_ask)
        if lane.read is not None and self._is_for_the_reading(name, request, error):
            if request.is_part and self._is_unproven(name, error, forbidden, sent):
                lane.retry_at = now + PROOF
                return
            lane.failures, lane.failed_at = 0, None
            if error.code in NO_ANSWER and name not in LIVE:
                lane.retry_at = sent + RETRY
            with self._reading(name, now):
                lane.pending = lane.read.throw(error)
            return
        if isinstance(error, ThrottledError):
            age = now - (lane.as_of or now)
            if name in BOARD and age > max(THROTTLED_PATIENCE, 3 * self._pace.intervals[name]):
                self._failed(name, str(error), sent)
            return
        lane.give_up_in_the_end()
        self._failed(name, str(error), sent)

    def _is_for_the_reading(self, name: str, request: Request[Any], error: ApiError) -> bool:
        """Whether the reading itself is to deal with the error, rather than the request be made again.

        Those are errors about one object or part of a list, while lists can be read. As long as a list was
        never read whole, a page of it is asked for a second time before it is left out.
        """
        if isinstance(error, NotFoundError) or name in self.lanes.errands:
            return True
        if isinstance(error, ThrottledError) or not (request.is_part and self._lists_work):
            return False
        lane = self.lanes[name]
        first = name in DATASETS and request.id is None and lane.as_of is None
        return not first or lane.failures + 1 >= PATIENCE

    def _is_unproven(self, name: str, error: ApiError, forbidden: bool, sent: float) -> bool:
        """Whether to make sure that lists can still be read, before an object is taken to be at fault.

        Live data do not wait for that, nor does anybody who waits for an answer.
        """
        lane = self.lanes[name]
        if name in LIVE or name in self.lanes.errands or isinstance(error, NotFoundError):
            return False
        if lane.failed_at is not None and lane.failed_at < self._list_worked_at:
            return False
        self._unproven += 1
        if self._unproven <= MOST_UNPROVEN and not forbidden:
            return False
        lane.failed_at = sent if lane.failed_at is None else lane.failed_at
        if not set(BOARD) & set(self.lanes.served):
            self.lanes.ask("teams")  # no list is asked for anyway
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
            log.error(REJECTED, answer=error.code, trying_again=f"every {CREDENTIAL_RETRY:.0f}s")
        return rejected

    def _failed(self, name: str, problem: str, sent: float) -> None:
        """Try again some time after the request was `sent`, not after it was given up."""
        lane = self.lanes[name]
        if lane.failing_since is None and not self._credential.rejected:
            log.warning("reading failed, the last good values stay", what=name, problem=problem)
        lane.fail(sent, self._pace.intervals.get(name, math.inf))
        if name in DATASETS:
            self._metrics.polls.labels(name, "error").inc()

    def _hear(self, headers: Headers, sent: float, endpoint: str) -> None:
        received, before = self._clock(), self.budget.limit
        if headers.date is not None:
            self._server_clock.observe(headers.date, sent, received)
            self._tell_time()
        self.budget.learn(headers, received, self._server_clock.ahead, endpoint)
        self._remarks.limit(self.budget.limit, self.budget.requests_per_minute, received)
        if self.budget.limit != before:
            self._pace.set()

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
            self.lanes.ask_early(*DIRECTORY)
        self._remarks.names(self.account.unknown_names)
        if self.account.lists.assignments_outdated:
            self.lanes.ask_early("assignments")
