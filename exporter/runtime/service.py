"""Connect the exporter's parts: the threads for polling, saving and events, and the snapshot they publish."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    disable_created_metrics,
)

from exporter.account.records import LoadedState
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.events import Event
from exporter.archive.database import ArchiveError
from exporter.archive.standby import SILENCE_S
from exporter.archive.store import Archive
from exporter.archive.writer_thread import ArchiveWriter, WriterCallbacks
from exporter.clock import Clocks, steady_clock
from exporter.config.reload import in_force
from exporter.config.settings import Settings
from exporter.grafana_live.metrics import LiveMetrics
from exporter.grafana_live.pusher import LivePusher
from exporter.metrics.exposition import Exposition
from exporter.metrics.process import ProcessMetrics
from exporter.polling.on_demand import NotLeaderError
from exporter.polling.poller import Poller
from exporter.polling.schedule import DATASETS
from exporter.polling.status import Snapshot
from exporter.runtime.client_requests import ClientRequests
from exporter.runtime.leader_metric import LeaderMetric
from exporter.runtime.publisher import Publisher
from exporter.runtime.stalled_archive import StalledArchive
from exporter.runtime.suspension import Suspension
from exporter.runtime.watchdog import Watchdog
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from exporter.webhooks.worker import IDLE_WAIT_S, EventWorker
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

HANG_TIMEOUT_S = 120.0
"""Seconds after which the poller counts as hung; a request takes 10 seconds at most."""

ERROR_BACKOFF_S = 5.0
"""Seconds to wait after an unexpected error."""

LEADER_CHECK_INTERVAL_S = 0.1
"""Seconds between two checks whether the archive has confirmed that this exporter still leads."""


class Service:
    """Runs the poller and the other threads. `latest` is immutable, and read without waiting."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        clocks: Clocks | None = None,
        taken: Callable[[], object] = lambda: None,
    ) -> None:
        """Create the parts without starting them.

        Args:
            settings: The configuration.
            archive: Where calls are saved. If it is exclusive, it decides whether this exporter polls.
            clocks: Our clock and the wall clock.
            taken: Called if another exporter has taken over, or has to because this one hangs. This exporter
                has stopped polling, and should end.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the number of series
        self.clocks = clocks or Clocks(steady_clock())
        self.clock = self.clocks.steady
        self._archive, self._on_taken = archive, taken
        self._started_with = settings
        registry, own, webhooks = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
        registry.register(own)  # a registry is also a collector
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
                    lambda: self._poller.batch_saved(saved, progress)
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
        """Held by the poller, except while it waits for a response, or by the thread that applies events."""
        self._poller = Poller(settings, self._client, registry, self.clocks, self._writer.submit)
        self._poller.on_wait(self._released_lock)
        self._writer.maintenance.removal.aircall_time = self._poller.aircall_time
        self._publisher = Publisher(self.clock, self._poller.snapshot, self._on_published)
        self.exposition = Exposition(
            self.latest,
            {"exporter": registry, "webhooks": webhooks},
            self._writer.status,
            self.clocks,
            only=lambda: None if self.standby_reason is None else own,
        )
        self.requests = ClientRequests(self._poller, self._require_leader, self._enqueue)
        self._commands: queue.SimpleQueue[Callable[[], bool | None]] = queue.SimpleQueue()
        """Functions for the poller's thread. One that returns False has not changed the snapshot."""
        self._begun = self._ended = False
        self._loop = WorkerThread("poller", self._run_once, self.clock, HANG_TIMEOUT_S)
        self.inbox: Inbox | None = None
        """The queue of events; `None` if no token was configured at the start."""
        self._event_worker: EventWorker | None = None
        if settings.webhook.tokens:
            self._webhook_metrics = WebhookMetrics(webhooks, self.clocks)
            self.inbox = Inbox(
                lambda: self.latest.board.settings.webhook.tokens, self._webhook_metrics, self.clock
            )
            self._event_worker = EventWorker(
                self.inbox, self._webhook_metrics, self._apply_events, self.clock
            )
        self._live_pusher: LivePusher | None = None
        if settings.grafana_live.url:
            self._live_pusher = LivePusher(lambda: self.latest, self.clocks, LiveMetrics(registry))
        self._optional = [each.loop for each in (self._event_worker, self._live_pusher) if each is not None]
        """The threads that run only if they are configured, and only while this exporter polls."""
        threads = [self._loop, self._writer.loop, *self._optional]
        stalled = StalledArchive(archive, self._writer, self.clock)
        self._watchdog = Watchdog(threads, own, self.clock, (stalled.check, self._check_leadership))
        self._suspension = (
            Suspension(self._writer.confirm, lambda: self._writer.confirmed_at) if archive.exclusive else None
        )

    def start(self) -> None:
        """Start the threads. If the archive has a leader, polling begins once this exporter leads."""
        self._writer.start()
        if not self._archive.exclusive:
            self._begin()
        self._watchdog.start()

    def stop(self) -> None:
        """Stop all threads. A request that hangs is abandoned."""
        self._watchdog.stop()
        for loop in self._optional:
            loop.stop(0.5)
        self._loop.stop(0.5)
        self._writer.stop()
        self._client.close()

    @property
    def latest(self) -> Snapshot:
        """The latest snapshot."""
        return self._publisher.latest

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of the exporter's threads, in a few words each."""
        return self._watchdog.problems

    @property
    def standby_reason(self) -> str | None:
        """Why this exporter is on standby, in a few words; `None` if it polls."""
        return self._writer.standby_reason

    def refresh(self) -> None:
        """Fetch users, teams, numbers and assignments again as soon as the budget allows."""
        self._enqueue(self._poller.refresh)

    def configure(self, settings: Settings) -> tuple[str, ...]:
        """Apply other settings and keep all data. Return the changed keys that need a restart."""
        settings, need_restart = in_force(self._started_with, settings)

        def apply() -> None:
            self._client.close()
            self._client = self._new_client(settings)
            self._poller.configure(settings, self._client)
            self._publisher.publish()

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
        for loop in (self._loop, *self._optional):
            loop.start()

    def _on_loaded(self, state: LoadedState) -> None:
        self._enqueue(lambda: self._poller.restore(state))
        if self._archive.exclusive and not self._begun:
            self._poller.budget.assume_exhausted(self._writer.other_leader_until)
            self._begin()

    def _check_leadership(self) -> None:
        """Stop if this exporter leads but cannot poll, or if another one leads unnoticed."""
        if not self._archive.exclusive or not self._begun or self._ended:
            return
        if problem := self._loop.problem:
            log.error("poller hangs; leadership released, exiting", problem=problem)
            self._end()
        elif self.clock() - self._writer.confirmed_at > SILENCE_S:
            with suppress(ArchiveError):
                if not self._archive.leads():
                    log.error("another exporter took over; exiting")
                    self._end()

    def _end(self) -> None:
        self._ended = True
        self._loop.stop(0)
        if self._live_pusher:
            self._live_pusher.loop.stop(0)
        self._on_taken()

    def _on_published(self, snapshot: Snapshot) -> None:
        self.exposition.update(snapshot)
        if self._event_worker and self._poller.ready_for_events:
            self._event_worker.ready.set()
        if self._live_pusher:
            self._live_pusher.loop.wake()

    def _apply_events(self, events: Sequence[Event]) -> float:
        with self._account_lock:
            if events:
                self._publisher.changed = True
                if self._poller.apply_events(events, self._webhook_metrics.count):
                    self._loop.wake()
            publish_at = self._publisher.publish_if_due(self._publisher.next_after_events)
            return min(IDLE_WAIT_S, max(0.0, publish_at - self.clock()))

    @contextmanager
    def _released_lock(self) -> Iterator[None]:
        """Let events be applied meanwhile."""
        self._account_lock.release()
        try:
            yield
        finally:
            self._account_lock.acquire()

    def _enqueue(self, command: Callable[[], bool | None]) -> None:
        self._commands.put(command)
        self._loop.wake()

    def _new_client(self, settings: Settings) -> Client:
        aircall = settings.aircall
        return Client(aircall.base_url, aircall.api_id, aircall.api_token, self._client_metrics)

    def _run_once(self) -> float:
        begun, suspension = self.clock(), self._suspension
        if suspension is not None and suspension.in_doubt(begun):
            return begun + LEADER_CHECK_INTERVAL_S
        try:
            with self._account_lock:
                due = self._step()
        except Exception:  # only a signal ends the exporter
            log.exception("unexpected error, continuing")
            due = self.clock() + ERROR_BACKOFF_S
        if suspension is not None:
            suspension.turned(begun, self.clock(), due)
        return due

    def _step(self) -> float:
        while not self._commands.empty():
            if self._commands.get()() is not False:
                self._publisher.changed = True
        requests = self._poller.budget.spent
        due = self._poller.step()
        if self._poller.budget.spent == requests:
            next_snapshot = max(self._publisher.next_after_response, self._publisher.next_after_events)
            return min(due, self._publisher.publish_if_due(next_snapshot))
        self._publisher.changed = True
        return min(due, self._publisher.publish_if_due(self._publisher.next_after_response))
