"""The poller: the only one that decides when. One request at a time, each from the budget."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exporter.account.account import Account
from exporter.account.told import Heard, Told
from exporter.aircall.budget import RequestBudget
from exporter.aircall.client import Client
from exporter.aircall.clock import ServerClock
from exporter.aircall.decoding import InvalidAnswerError
from exporter.aircall.endpoints import Answer
from exporter.aircall.errors import (
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
from exporter.polling.errand import Errand
from exporter.polling.lanes import ARCHIVE, ERRANDS, Lanes
from exporter.polling.pace import Pace
from exporter.polling.remarks import Remarks
from exporter.polling.schedule import BOARD, DATASETS, DIRECTORY, ENDINGS
from exporter.status import Snapshot, Status

log = structlog.get_logger()

CREDENTIAL_RETRY = 10.0
"""Seconds between requests while the credential is rejected: no longer than between polls."""

THROTTLED_PATIENCE = 30.0
"""Seconds, or else three intervals, by which what is known may be old while others use up the limit."""

EMPTY_LIST_INTERVAL = 300.0
"""Seconds after which a list that held nothing is read again, at the latest."""


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
        self._credential_rejected = False
        self._paused_until = 0.0
        self._remarks = Remarks()
        self.lanes = lanes = Lanes(self.account, self._server_clock)
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

    def refresh(self) -> None:
        """Read users, teams, numbers and assignments again (the tutorial's "Clear Cache")."""
        self.lanes.ask(*DIRECTORY, "assignments")

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
        """Whether events can be heard: it is known from when on calls count."""
        return not math.isinf(self.account.ledger.counted_from)

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
            self.lanes.ask("users")
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
            credential_rejected=self._credential_rejected,
            complete_from=self.account.history.complete_from,
            seconds_missing=self.account.history.seconds_missing,
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
        name = self._turns.next(
            [name for name, lane in readable.items() if lane.ready_at <= now],
            schedule.share_for_rest(self.account.known),
            self._pace.free,
        )
        if name is None:
            return min(lane.ready_at for lane in readable.values())
        self._go_on(name, now)
        self._tell_time()
        self._remarks.oddities(self.account)
        self._remarks.clocks(self._server_clock.machine_ahead)
        self._remarks.past(self.account.history.seconds_missing, now)
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
        if lane.read is None or lane.pending is None:
            return
        self.budget.spend(now)
        lane.requests += 1
        if lane.requests > lane.cost:
            self._pace.set()
        try:
            with self.aside():
                value, headers = self._client.send(lane.pending)
        except ApiError as error:
            self._hear(error.headers, now)
            self._refused(name, error, now)
            return
        self._hear(headers, now)
        if self._credential_rejected:
            self._credential_rejected = False
            log.info("Aircall accepts the credential again")
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
        except (InvalidAnswerError, NotFoundError) as error:
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
            if name in self.account.lists.empty:
                lane.due = min(lane.due, lane.scheduled + EMPTY_LIST_INTERVAL)

    # When it goes wrong --------------------------------------------------------------------------

    def _refused(self, name: str, error: ApiError, sent: float) -> None:
        lane, now = self.lanes[name], self._clock()
        if isinstance(error, DroppedConnectionError):
            return  # the next step repeats the request on a new connection
        if isinstance(error, ThrottledError):
            self._metrics.throttled.inc()
            until = self.budget.throttled(error.headers, now, self._server_clock.ahead)
            log.warning("the company's rate limit is used up", waiting=f"{until - now:.0f}s")
        if isinstance(error, CredentialError):
            self._rejected(error, now)
        if lane.read is not None and (isinstance(error, NotFoundError) or name in self.lanes.errands):
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

    def _rejected(self, error: CredentialError, now: float) -> None:
        self._paused_until = now + CREDENTIAL_RETRY
        if not self._credential_rejected:
            log.error(
                REJECTED,
                answer=error.code,
                trying_again=f"every {CREDENTIAL_RETRY:.0f}s",
            )
        self._credential_rejected = True

    def _failed(self, name: str, problem: str, sent: float) -> None:
        """Try again some time after the request was `sent`, not after it was given up."""
        lane = self.lanes[name]
        if lane.failing_since is None and not self._credential_rejected:
            log.warning("reading failed, the last good values stay", what=name, problem=problem)
        lane.fail(sent, self._pace.intervals.get(name, math.inf))
        if name in DATASETS:
            self._metrics.polls.labels(name, "error").inc()

    def _hear(self, headers: Headers, sent: float) -> None:
        received, before = self._clock(), self.budget.limit
        if headers.date is not None:
            self._server_clock.observe(headers.date, sent, received)
            self._tell_time()
        self.budget.learn(headers, received, self._server_clock.ahead)
        if self.budget.limit != before:
            self._pace.set()
            log.info(
                "Aircall announced the company's limit",
                limit=f"{self.budget.limit:g}/min",
                ours=f"{self.budget.requests_per_minute:g}/min",
            )

    def _tell_time(self) -> None:
        """Tell the account Aircall's time, which also follows from the calls that have been read."""
        if self.account.newest_start is not None:
            self._server_clock.call_began(self.account.newest_start, self._clock())
            self.account.newest_start = None
        self.account.server_ahead = self._server_clock.ahead

    def _read_early(self) -> None:
        """Read the directory early if an object appears that it does not list, or if a user has left."""
        known = set(DIRECTORY) <= self.account.known
        if known and (strangers := self.account.new_strangers(self._clock())):
            log.info("unlisted objects, reading the directory early", objects=len(strangers))
            self.lanes.ask(*DIRECTORY)
        self._remarks.names(self.account.unknown_names)
        if self.account.lists.assignments_outdated:
            self.lanes.ask("assignments")
