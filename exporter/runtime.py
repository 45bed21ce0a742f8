"""The exporter as it runs: a thread that polls, and the snapshot that it leaves for whoever asks."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    disable_created_metrics,
)

from exporter.admin.availability import SwitchResult, Target, switch_and_refresh
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.events import Event
from exporter.aircall.models import CallWithDetails
from exporter.archive.database import ArchiveError
from exporter.archive.records import LoadedState
from exporter.archive.standby import SILENCE
from exporter.archive.store import Archive
from exporter.archive.writer import ArchiveWriter, WriterCallbacks
from exporter.clock import Clocks, steady_clock
from exporter.config import Settings
from exporter.config_reload import in_force
from exporter.metrics.exposition import Exposition
from exporter.metrics.leader import LeaderMetric
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.webhooks import WebhookMetrics
from exporter.polling import fetchers
from exporter.polling.on_demand import ConcurrencyLimit, NotLeaderError, OnDemandRequest
from exporter.polling.poller import Poller
from exporter.polling.schedule import AVAILABILITY_CHANGES, DATASETS
from exporter.status import Snapshot
from exporter.suspension import Suspension
from exporter.watchdog import Watchdog
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.worker import IDLE_WAIT_S, EventWorker
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

HANG_TIMEOUT_S = 120.0
"""Seconds after which the poller counts as hung; a request takes 10 seconds at most."""

ERROR_BACKOFF_S = 5.0
"""Seconds to wait after an error that nobody foresaw."""

CONFIRM_LOOK = 0.1
"""Seconds between two looks whether the archive has confirmed that this exporter still leads."""

ON_DEMAND_TIMEOUT_S = 15.0
"""How long somebody waits for a single call, or for a user to be switched."""

MAX_ON_DEMAND = 5
"""How many may wait for either at a time."""

QUICK_SNAPSHOT = 0.1
"""Seconds; a snapshot that takes no longer is made after every answer."""

SHARE_FOR_SNAPSHOTS = 0.1
"""Part of the time that may go into the others: those of very large companies while names are read."""

SHARE_FOR_EVENTS = 0.5
"""Part of a processor that may go into snapshots after events, of which there may be a thousand a second."""


class Service:
    """Polls in a thread of its own; `latest` is always whole, never edited, and costs nobody a wait."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        clocks: Clocks | None = None,
        taken: Callable[[], object] = lambda: None,
    ) -> None:
        """Poll as `settings` say and keep calls in `archive`; one that is exclusive decides whether to poll.

        `taken` is called if another exporter has taken over, or is to do so because this one hangs: this one
        polls no more, and should end.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double our own series
        self.clocks = clocks or Clocks(steady_clock())
        self.clock = self.clocks.steady
        self._archive, self._on_taken = archive, taken
        self._started_with = settings
        registry, own = CollectorRegistry(), CollectorRegistry()
        registry.register(own)  # collects as any collector
        ProcessMetrics(registry=own)
        PlatformCollector(registry=own)
        GCCollector(registry=own)
        LeaderMetric(own, lambda: self.standby_reason is None)
        self._client_metrics = ClientMetrics(registry)
        self._client = self._new_client(settings)
        self._writer = ArchiveWriter(
            archive,
            self.clocks,
            WriterCallbacks(
                on_loaded=self._on_loaded,
                on_saved=lambda saved, progress: self._enqueue(
                    lambda: self._poller.account.saved(saved, progress)
                ),
                on_manual_backfill=lambda spans: self._enqueue(
                    lambda: self._poller.set_manual_backfill(spans)
                ),
                on_leadership_lost=self._end,
            ),
            settings=lambda: self.latest.board.settings,
            user_states=lambda: {
                int(row.user.id): (row.state, self.clocks.unix(row.since))
                for row in self.latest.board.users
                if row.since is not None
            },
        )
        self._account_lock = threading.Lock()
        """Held by the poller, until it waits for an answer, or by whoever hears events."""
        self._poller = Poller(settings, self._client, registry, self.clocks, self._writer.submit)
        self._poller.while_waiting = self._released_lock
        self._writer.removal.aircall_time = self._poller.aircall_time
        self.latest: Snapshot = self._poller.snapshot()
        self.exposition = Exposition(
            self.latest,
            registry,
            self._writer.status,
            self.clocks,
            only=lambda: None if self.standby_reason is None else own,
        )
        self._errands, self._switches = ConcurrencyLimit(MAX_ON_DEMAND), ConcurrencyLimit(MAX_ON_DEMAND)
        self._commands: queue.SimpleQueue[Callable[[], bool | None]] = queue.SimpleQueue()
        """What others want done; what gives False changed nothing that is shown."""
        self._next_snapshot = self._next_for_events = 0.0
        self._unpublished = self._begun = self._ended = False
        self._loop = WorkerThread("poller", self._run_once, self.clock, HANG_TIMEOUT_S)
        self.inbox: Inbox | None = None
        """Where events go; none where no token was configured at the start."""
        self._listening: EventWorker | None = None
        if settings.webhook.tokens:
            self._webhook_metrics = WebhookMetrics(registry, self.clocks)
            self.inbox = Inbox(
                lambda: self.latest.board.settings.webhook.tokens, self._webhook_metrics, self.clock
            )
            self._listening = EventWorker(self.inbox, self._webhook_metrics, self._apply_events, self.clock)
        loops = [self._loop, self._writer.loop, *([self._listening.loop] if self._listening else [])]
        self._watchdog = Watchdog(loops, own, self.clock, self._look_after_lead)
        self._suspension = (
            Suspension(self._writer.confirm, lambda: self._writer.confirmed_at) if archive.exclusive else None
        )

    def start(self) -> None:
        self._writer.start()
        if not self._archive.exclusive:
            self._begin()
        self._watchdog.start()

    def stop(self) -> None:
        """Ask nothing more; a request that hangs is left behind."""
        self._watchdog.stop()
        if self._listening:
            self._listening.loop.stop(0.5)
        self._loop.stop(0.5)
        self._writer.stop()
        self._client.close()

    @property
    def problems(self) -> tuple[str, ...]:
        """Which of the exporter's threads do not work, in a few words each."""
        return self._watchdog.problems

    @property
    def standby_reason(self) -> str | None:
        """Why this exporter leaves the account to another, in a few words; none where it polls."""
        return self._writer.standby_reason

    def refresh(self) -> None:
        """Read users, teams, numbers and assignments again, as soon as the budget allows."""
        self._enqueue(self._poller.refresh)

    def call(self, call_id: int) -> CallWithDetails | None:
        """One call as Aircall tells it now, out of the request budget; none where Aircall has no such call.

        Raises ApiError where Aircall cannot be asked, TimeoutError where nothing comes within a quarter of a
        minute, BusyError where too many wait already, StandingByError where another exporter polls.
        """
        self._require_leader()
        with self._errands:
            errand = OnDemandRequest(lambda: fetchers.fetch_call(self._poller.account, call_id))
            self._enqueue(lambda: self._poller.submit(errand))
            return errand.wait(ON_DEMAND_TIMEOUT_S)

    def switch(self, user_id: int, target: Target | None) -> SwitchResult:
        """Make a user available or unavailable, or without a target the other one of the two.

        Raises SwitchError, and the same as `call`.
        """
        self._require_leader()
        poller = self._poller
        with self._switches:
            errand = OnDemandRequest(
                lambda: switch_and_refresh(poller.account, poller.tasks.user_api, user_id, target)
            )
            self._enqueue(lambda: poller.submit(errand, AVAILABILITY_CHANGES))
            return errand.wait(ON_DEMAND_TIMEOUT_S)

    def configure(self, settings: Settings) -> tuple[str, ...]:
        """Go on with other settings, keeping everything known. Returns changed keys that need a restart."""
        settings, need_restart = in_force(self._started_with, settings)

        def apply() -> None:
            self._client.close()
            self._client = self._new_client(settings)
            self._poller.configure(settings, self._client)
            self._publish()

        self._enqueue(apply)
        return need_restart

    def _require_leader(self) -> None:
        if self.standby_reason is not None:
            raise NotLeaderError

    def _begin(self) -> None:
        self._begun = True
        settings, status = self.latest.board.settings, self.latest.status
        log.info(
            "polling Aircall",
            url=settings.aircall.base_url,
            budget=f"{status.budget:g} of {status.limit:g} requests/min",
            **{name: str(getattr(settings.refresh, name)) for name in DATASETS},
        )
        self._loop.start()
        if self._listening:
            self._listening.loop.start()

    def _on_loaded(self, memory: LoadedState) -> None:
        self._enqueue(lambda: self._poller.restore(memory))
        if self._archive.exclusive and not self._begun:
            self._poller.budget.assume_exhausted(self._writer.other_leader_until)
            self._begin()

    def _look_after_lead(self) -> None:
        """End if this exporter leads and cannot poll, or if it has not noticed that another leads."""
        if not self._archive.exclusive or not self._begun or self._ended:
            return
        if problem := self._loop.problem:
            log.error("this exporter leaves the account to another and ends", problem=problem)
            self._end()
        elif self.clock() - self._writer.confirmed_at > SILENCE:
            with suppress(ArchiveError):
                if not self._archive.leads():
                    log.error("another exporter has taken over, this one ends")
                    self._end()

    def _end(self) -> None:
        self._ended = True
        self._loop.stop(0)
        self._on_taken()

    def _publish(self) -> None:
        begun, worked = self.clock(), time.thread_time()
        self._unpublished = False
        self.latest = self._poller.snapshot()
        self.exposition.update(self.latest)
        done, worked = self.clock(), time.thread_time() - worked
        took = done - begun
        self._next_snapshot = done + (took * (1 / SHARE_FOR_SNAPSHOTS - 1) if took > QUICK_SNAPSHOT else 0)
        self._next_for_events = done + worked * (1 / SHARE_FOR_EVENTS - 1)
        if self._listening and self._poller.ready_for_events:
            self._listening.ready.set()

    def _apply_events(self, events: Sequence[Event]) -> float:
        with self._account_lock:
            if events:
                self._unpublished = True
                if self._poller.apply_events(events, self._webhook_metrics.count):
                    self._loop.wake()
            come_again = self._publish_news(self._next_for_events)
            return min(IDLE_WAIT_S, max(0.0, come_again - self.clock()))

    def _publish_news(self, due: float) -> float:
        """Show what is news, if it is time; gives when to come again."""
        if self._unpublished and self.clock() >= due:
            self._publish()
        return due if self._unpublished else math.inf

    @contextmanager
    def _released_lock(self) -> Iterator[None]:
        """Let events be heard."""
        self._account_lock.release()
        try:
            yield
        finally:
            self._account_lock.acquire()

    def _enqueue(self, wish: Callable[[], bool | None]) -> None:
        self._commands.put(wish)
        self._loop.wake()

    def _new_client(self, settings: Settings) -> Client:
        aircall = settings.aircall
        return Client(aircall.base_url, aircall.api_id, aircall.api_token, self._client_metrics)

    def _run_once(self) -> float:
        begun, suspension = self.clock(), self._suspension
        if suspension is not None and suspension.in_doubt(begun):
            return begun + CONFIRM_LOOK
        try:
            with self._account_lock:
                come_again = self._step()
        except Exception:  # nothing but a signal ends the exporter
            log.exception("an error that nobody foresaw, going on")
            come_again = self.clock() + ERROR_BACKOFF_S
        if suspension is not None:
            suspension.turned(begun, self.clock(), come_again)
        return come_again

    def _step(self) -> float:
        while not self._commands.empty():
            if self._commands.get()() is not False:
                self._unpublished = True
        requests = self._poller.budget.spent
        come_again = self._poller.step()
        if self._poller.budget.spent == requests:
            return min(come_again, self._publish_news(max(self._next_snapshot, self._next_for_events)))
        if self.clock() >= self._next_snapshot:
            self._publish()
            return come_again
        self._unpublished = True
        return min(come_again, self._next_snapshot)
