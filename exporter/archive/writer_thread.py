"""Save the poller's batches in a thread of its own, so that an unavailable database never delays polling."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from exporter.account.records import (
    Batch,
    Checkpoint,
    LoadedState,
    QueueFullError,
    SaveResult,
    TimeRange,
    UserStates,
)
from exporter.account.times_in_state import MAX_UNSAVED
from exporter.archive.database import ArchiveError, LostLeadershipError, ReplacedError, kind_of_failure
from exporter.archive.maintenance import Maintenance
from exporter.archive.rejected_items import Saver
from exporter.archive.standby import CHECK_INTERVAL_S, Standby
from exporter.archive.status import ArchiveStatus
from exporter.archive.store import Archive
from exporter.clock import Clocks
from exporter.config.settings import Settings
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()
UNAVAILABLE = "archive unavailable; counters paused, live metrics unaffected"

FIRST_RETRY_S = 1.0
MAX_RETRY_S = 30.0
"""Seconds between attempts while the database is unavailable; doubled each time."""

BATCH_SIZE = 500
"""Calls in one transaction. Statements need many times the memory of the calls."""

MAX_PENDING_CALLS = 20_000
"""Calls that wait while the database is unavailable, about 3 kB each. Later ones are fetched again."""

HEARTBEAT_INTERVAL_S = 5.0
"""Seconds between two heartbeats, which show other processes that an exporter runs on the archive."""

HANG_TIMEOUT_S = 900.0
"""Seconds after which the writer counts as hung. Creating an index on millions of calls takes minutes."""

USER_STATES_INTERVAL_S = 30.0
"""Seconds between two times that user states are saved, for the command `users`."""

RESTORE_GRACE_S = 30.0
"""Seconds in which a deleted SQLite file may be restored. After that, an empty one is created."""


@dataclass(frozen=True, slots=True)
class WriterCallbacks:
    """Functions that the writer calls, in its thread."""

    on_loaded: Callable[[LoadedState], object]
    """When the archive has been opened, and again if it was replaced."""
    on_saved: Callable[[SaveResult, Checkpoint | None], object]
    """After each batch."""
    on_manual_backfill: Callable[[tuple[TimeRange, ...]], object]
    """With each heartbeat: the ranges requested by the command `backfill`."""
    on_leadership_lost: Callable[[], object] = lambda: None
    """Once, if another exporter leads now. Nothing is saved any more."""


class ArchiveWriter:
    """Queue batches and save them in order.

    No call is lost. Batches wait while the database is unavailable. Calls that a full queue refuses, or that
    are lost when the process dies, are fetched again.
    """

    def __init__(
        self,
        archive: Archive,
        clocks: Clocks,
        listener: WriterCallbacks,
        settings: Callable[[], Settings],
        user_states: Callable[[], UserStates] = dict,
    ) -> None:
        self._archive, self._clocks, self._clock = archive, clocks, clocks.steady
        self._listener, self._settings, self._user_states = listener, settings, user_states
        self._saver = Saver(archive, listener.on_saved)
        self._loaded = False
        checks = archive.leader_state, archive.leader_activity, archive.end_silent, archive.require_loadable
        self._standby = Standby(*checks) if archive.exclusive else None
        self._replaced_at: float | None = None
        self._load_number = 0
        self._lock = threading.Lock()
        self._pending = Batch()
        self._pending_since: float | None = None
        self._being_saved, self._being_saved_since = 0, 0.0
        """Number of calls of the batch that is being saved, and the time since which it waits (our clock)."""
        self._failing_since: float | None = None
        self._logged_failures: set[str] = set()
        """The kinds of failures that have been logged since the archive last worked."""
        self._retry, self._retry_at = FIRST_RETRY_S, 0.0
        self.maintenance = Maintenance(archive, clocks)
        self._next_heartbeat = self._next_user_states = 0.0
        self._logged_other_exporter = False
        self.confirmed_at = -math.inf
        """When (our clock) the last successful heartbeat began. The archive was still ours then."""
        self.loop = WorkerThread("archive", self._run_once, self._clock, HANG_TIMEOUT_S, last=self._leave)

    def start(self) -> None:
        """Start the thread that saves."""
        self.loop.start()

    def stop(self) -> None:
        """Save waiting batches, for at most a second, and stop."""
        self.loop.stop(1)
        self._archive.close()

    def submit(self, batch: Batch) -> None:
        """Queue a batch. Raises QueueFullError if too much waits; then only its names are queued."""
        with self._lock:
            if batch.load != self._load_number:
                return  # fetched again, because another archive is loaded now
            calls, times = len(self._pending.records), len(self._pending.times_in_state)
            full = calls >= MAX_PENDING_CALLS or times >= MAX_UNSAVED
            self._pending.add(Batch(names=batch.names) if full else batch)
            if self._pending_since is None:
                self._pending_since = self._clock()
        self.loop.wake()
        if full:
            raise QueueFullError

    def confirm(self) -> None:
        """Send a heartbeat at once, even if the last attempt has just failed."""
        self._next_heartbeat = self._retry_at = 0.0
        self.loop.wake()

    def status(self) -> ArchiveStatus:
        """Return how far the archive is behind, and whether saving works."""
        with self._lock:
            waiting = len(self._pending.records) + self._being_saved
            since = self._being_saved_since if self._being_saved else self._pending_since
        well = self._loaded and self._replaced_at is None and self._failing_since is None
        working = well and self.loop.problem is None
        return ArchiveStatus(waiting, since if waiting else None, working, self._saver.rejected)

    @property
    def standby_reason(self) -> str | None:
        """Why this exporter does not lead; None if it leads."""
        return None if self._standby is None or self._loaded else self._standby.reason

    @property
    def other_leader_until(self) -> float:
        """Until when (UNIX seconds) another exporter may have polled."""
        return -math.inf if self._standby is None else self._standby.spent_until

    def step(self) -> None:
        """Do all work that is due. After a failure, do nothing until the retry is due."""
        if self._clock() < self._retry_at:
            return
        try:
            if not self._loaded:
                if self._standby is not None and not self._standby.may_take_over(self._clock()):
                    self._retry_at = self._clock() + CHECK_INTERVAL_S
                    return
                self._load()
            elif self._replaced_at is not None:
                self._load_again(self._replaced_at)
            how = self._settings().caller  # before saving, so that calls of earlier settings are masked too
            self._save()
            self._heartbeat()  # also detects a database that was replaced
            self.maintenance.mask(how)
            self._save_user_states()
            self.maintenance.remove(self._settings().storage.retention)
        except LostLeadershipError as error:
            self._on_leadership_lost(error)
        except ReplacedError as error:
            self._on_replaced(error)
        except ArchiveError as error:
            self._on_failure(error)
        else:
            if self._failing_since is not None:
                log.info("archive works again", after=f"{self._clock() - self._failing_since:.0f}s")
            self._failing_since, self._retry, self._retry_at = None, FIRST_RETRY_S, 0.0
            self._logged_failures.clear()

    def _load(self) -> None:
        try:
            memory = self._archive.load()
        except Exception as error:
            if self._standby is not None:
                self._archive.close()  # releases the lock: another exporter may take it
                if isinstance(error, ArchiveError) and not isinstance(error, LostLeadershipError):
                    self._standby.failed(error)
            raise
        self._loaded = True
        self._listener.on_loaded(memory)

    def _load_again(self, replaced_at: float) -> None:
        memory = self._archive.load(create=self._clock() - replaced_at >= RESTORE_GRACE_S)
        self._replaced_at = None
        log.info("archive loaded again")
        self._listener.on_loaded(replace(memory, load=self._load_number))

    def _on_replaced(self, error: ReplacedError) -> None:
        """Drop everything derived from the earlier archive. It is fetched again."""
        if not self._loaded:
            self._on_failure(error)
            return
        now = self._clock()
        log.error("archive replaced; loading it again", problem=str(error))
        with self._lock:
            self._load_number += 1
            self._pending, self._pending_since = Batch(), None
        self._replaced_at, self._retry, self._retry_at = now, FIRST_RETRY_S, now + FIRST_RETRY_S

    def _on_leadership_lost(self, error: LostLeadershipError) -> None:
        now, has_lost = self._clock(), self._loaded and not self._still_leads()
        if has_lost:
            log.error("another exporter took over; exiting", problem=str(error))
            self._failing_since = now
            self._listener.on_leadership_lost()
        elif self._loaded:  # another exporter has the lock only while it tries to load the archive
            self._on_failure(error)
        self._retry_at = now + (MAX_RETRY_S if has_lost else CHECK_INTERVAL_S)

    def _still_leads(self) -> bool:
        """Return whether no other exporter has taken over, as far as this can be read."""
        with suppress(ArchiveError):
            return self._archive.leads()
        return True

    def _save(self) -> None:
        while True:
            with self._lock:
                since, batch = self._pending_since or self._clock(), self._pending.take(BATCH_SIZE)
                self._pending_since = since if self._pending else None
                self._being_saved, self._being_saved_since = len(batch.records), since
            if not batch:
                return
            try:
                self._saver.save(batch)
            finally:
                with self._lock:
                    self._being_saved = 0
                    if batch:
                        batch.add(self._pending)
                        self._pending, self._pending_since = batch, since
            self._heartbeat()

    def _heartbeat(self) -> None:
        now = self._clock()
        if now >= self._next_heartbeat:
            at = time.time()  # wall clock, because other processes compare it with theirs
            if self._archive.heartbeat(at) and not self._logged_other_exporter:
                self._logged_other_exporter = True
                log.error("another exporter runs on this archive; each account needs its own archive")
            self._next_heartbeat, self.confirmed_at = now + HEARTBEAT_INTERVAL_S, now
            self._listener.on_manual_backfill(self._archive.manual_backfills())

    def _save_user_states(self) -> None:
        now, states = self._clock(), self._user_states()
        if states and now >= self._next_user_states:
            self._next_user_states = now + USER_STATES_INTERVAL_S
            self._archive.save_user_states(states)

    def _on_failure(self, error: ArchiveError) -> None:
        now = self._clock()
        self._archive.reconnect_after(error)
        self._next_heartbeat = min(self._next_heartbeat, now)
        self._failing_since = self._failing_since or now
        kind = kind_of_failure(error)
        if kind not in self._logged_failures:
            self._logged_failures.add(kind)
            on_standby = self._standby is not None and not self._loaded
            what = "takeover failed; still on standby" if on_standby else UNAVAILABLE
            log.error(what, problem=str(error))
        self._retry_at = now + self._retry
        self._retry = min(MAX_RETRY_S, 2 * self._retry)

    def _run_once(self) -> float:
        try:
            self.step()
        except Exception:  # only a signal ends the exporter
            log.exception("unexpected error in the archive thread, continuing")
            now = self._clock()
            self._failing_since, self._retry_at = self._failing_since or now, now + MAX_RETRY_S
        now = self._clock()
        chores = (at for at in self.maintenance.due if at > now)
        return self._retry_at or min(now + HEARTBEAT_INTERVAL_S, *chores)

    def _leave(self) -> None:
        self.maintenance.removal.report()
        if self._loaded and self._failing_since is None:
            self.step()
            with suppress(ArchiveError):  # then it ends without a final heartbeat
                self._archive.heartbeat(0)
                if self._archive.exclusive:
                    self._archive.release_leadership()
