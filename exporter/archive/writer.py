"""Saves what the poller read, in a thread of its own: a database that is away never holds up the board."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from exporter.archive.database import ArchiveError, LostLeadershipError, ReplacedError, kind_of_failure
from exporter.archive.purge import Removal
from exporter.archive.records import (
    Batch,
    Checkpoint,
    LoadedState,
    QueueFullError,
    SaveResult,
    TimeRange,
    UserStates,
)
from exporter.archive.saver import Saver
from exporter.archive.standby import LOOK, Standby
from exporter.archive.store import Archive
from exporter.clock import Clocks
from exporter.config import Caller, Settings
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

FIRST_RETRY_S = 1.0
MAX_RETRY_S = 30.0
"""Seconds between tries while the database is away; twofold each time."""

BATCH_SIZE = 500
"""Calls in one transaction: what a database is told takes many times the room of what is to be said."""

MAX_PENDING_CALLS = 20_000
"""Calls that wait for a database that is away, some three kB each; Aircall keeps the others for us."""

HEARTBEAT_INTERVAL_S = 5.0
"""Seconds between two signs of life, which tell other commands on the archive that an exporter runs."""

HANG_TIMEOUT_S = 900.0
"""Seconds after which the writer counts as hung; lifting an archive of millions of calls takes minutes."""

NOTE_INTERVAL = 30.0
"""Seconds between two notes of what the users do, for the command that lists them."""

RETENTION_INTERVAL = 60.0
"""Seconds between two looks for calls that are past their retention, or show too much of their caller."""

RESTORING = 30.0
"""Seconds in which a SQLite file that was deleted may be restored; then an empty one takes its place."""


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """How many calls wait to be saved, and since when (seconds, our clock), and how many cannot be."""

    waiting: int
    waiting_since: float | None
    working: bool
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class WriterCallbacks:
    """Who is told of the archive, in the writer's thread.

    `loaded` when the archive could be opened, and again if it was replaced; `saved` after each batch, with
    what came of it and how far reading has come with it; `wished` now and then, with what was asked for by
    hand; `taken` once, if an exclusive archive is another exporter's now: nothing is saved any more.
    """

    on_loaded: Callable[[LoadedState], None]
    on_saved: Callable[[SaveResult, Checkpoint | None], None]
    on_manual_backfill: Callable[[tuple[TimeRange, ...]], None]
    on_leadership_lost: Callable[[], object] = lambda: None


class ArchiveWriter:
    """Collects batches and saves them in order.

    Nothing is ever given up: what cannot be saved now waits, and what is refused as too many wait, or lost
    when the process dies, is read from Aircall again.
    """

    def __init__(
        self,
        archive: Archive,
        clocks: Clocks,
        listener: WriterCallbacks,
        settings: Callable[[], Settings],
        doing: Callable[[], UserStates] = dict,
    ) -> None:
        self._archive = archive
        self._clock = clock = clocks.steady
        self._listener, self._settings, self._doing = listener, settings, doing
        self._saver = Saver(archive, listener.on_saved)
        self._loaded = False
        looks = archive.leader_state, archive.sign_of_life, archive.end_silent, archive.require_loadable
        self._standby = Standby(*looks) if archive.exclusive else None
        self._replaced_at: float | None = None
        self._load_number = 0
        self._lock = threading.Lock()
        self._pending = Batch()
        self._pending_since: float | None = None
        self._failing_since: float | None = None
        self._logged_failures: set[str] = set()
        """The kinds of failures that have been logged since the archive last worked."""
        self._retry = FIRST_RETRY_S
        self._retry_at = 0.0
        self.removal = Removal(archive, clocks)
        self._next_removal = self._next_hiding = 0.0
        self._to_scrub = False
        self._next_beat = self._next_note = 0.0
        self._told_of_another = False
        self.confirmed_at = -math.inf
        """When (our clock) the last sign of life began that the archive took: it was still ours then."""
        self.loop = WorkerThread("archive", self._run_once, clock, HANG_TIMEOUT_S, last=self._leave)

    def start(self) -> None:
        self.loop.start()

    def stop(self) -> None:
        """Save what waits, if that is a matter of a second."""
        self.loop.stop(1)
        self._archive.close()

    def submit(self, batch: Batch) -> None:
        """Have a batch saved. Raises NoRoomError, and takes its names alone, where too many calls wait."""
        with self._lock:
            if batch.load != self._load_number:
                return  # it is read again, as the archive that is loaded now needs it
            full = len(self._pending.records) >= MAX_PENDING_CALLS
            self._pending.add(Batch(names=batch.names) if full else batch)
            if self._pending_since is None:
                self._pending_since = self._clock()
        self.loop.wake()
        if full:
            raise QueueFullError

    def confirm(self) -> None:
        """Give a sign of life at once, also if the last try has just failed."""
        self._next_beat = self._retry_at = 0.0
        self.loop.wake()

    def status(self) -> ArchiveStatus:
        with self._lock:
            waiting = len(self._pending.records)
            since = self._pending_since if waiting else None
        well = self._loaded and self._replaced_at is None and self._failing_since is None
        working = well and self.loop.problem is None
        return ArchiveStatus(waiting, since, working, self._saver.rejected)

    @property
    def standby_reason(self) -> str | None:
        """Why an exclusive archive is not ours yet, in a few words; none once it is."""
        return None if self._standby is None or self._loaded else self._standby.reason

    @property
    def other_leader_until(self) -> float:
        """Up to when (UNIX seconds) another exporter may have polled before us."""
        return -math.inf if self._standby is None else self._standby.spent_until

    def step(self) -> None:
        """Do what is to be done now; after a failure, not before it is time to try again."""
        if self._clock() < self._retry_at:
            return
        try:
            if not self._loaded:
                if self._standby is not None and not self._standby.may_take_over(self._clock()):
                    self._retry_at = self._clock() + LOOK
                    return
                self._load()
            elif self._replaced_at is not None:
                self._load_again(self._replaced_at)
            how = self._settings().caller  # before saving: what was read while another held is saved by then
            self._save()
            self._beat()  # it also notices a database that was replaced
            self._hide(how)
            self._note()
            self._remove()
        except LostLeadershipError as error:
            self._taken(error)
        except ReplacedError as error:
            self._replaced(error)
        except ArchiveError as error:
            self._failed(error)
        else:
            if self._failing_since is not None:
                log.info("the archive works again", after=f"{self._clock() - self._failing_since:.0f}s")
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
        memory = self._archive.load(create=self._clock() - replaced_at >= RESTORING)
        self._replaced_at = None
        log.info("the archive is loaded again")
        self._listener.on_loaded(replace(memory, load=self._load_number))

    def _replaced(self, error: ReplacedError) -> None:
        """Let go of what follows from the archive as it was: all of it is read again."""
        if not self._loaded:
            self._failed(error)
            return
        now = self._clock()
        log.error("the archive has been replaced, it is loaded again", problem=str(error))
        with self._lock:
            self._load_number += 1
            self._pending, self._pending_since = Batch(), None
        self._replaced_at, self._retry, self._retry_at = now, FIRST_RETRY_S, now + FIRST_RETRY_S

    def _taken(self, error: LostLeadershipError) -> None:
        now = self._clock()
        if not self._loaded:  # another was quicker
            self._retry_at = now + LOOK
            return
        log.error("another exporter has taken over, this one ends", problem=str(error))
        self._failing_since, self._retry_at = now, now + MAX_RETRY_S
        self._listener.on_leadership_lost()

    def _save(self) -> None:
        while True:
            with self._lock:
                since, batch = self._pending_since, self._pending.take(BATCH_SIZE)
                self._pending_since = since if self._pending else None
            if not batch:
                return
            try:
                self._saver.save(batch)
            finally:
                if batch:
                    with self._lock:
                        batch.add(self._pending)
                        self._pending, self._pending_since = batch, since
            self._beat()

    def _beat(self) -> None:
        now = self._clock()
        if now >= self._next_beat:
            at = time.time()  # by the clock on the wall, as others look for signs of life by theirs
            if self._archive.heartbeat(at) and not self._told_of_another:
                self._told_of_another = True
                log.error("another exporter runs on this archive: each account needs an archive of its own")
            self._next_beat, self.confirmed_at = now + HEARTBEAT_INTERVAL_S, now
            self._listener.on_manual_backfill(self._archive.manual_backfills())

    def _note(self) -> None:
        now, doing = self._clock(), self._doing()
        if doing and now >= self._next_note:
            self._next_note = now + NOTE_INTERVAL
            self._archive.save_user_states(doing)

    def _hide(self, how: Caller) -> None:
        now = self._clock()
        if now >= self._next_hiding:
            left, changed = self._archive.hide(how)
            self._next_hiding = now + (1.0 if left else RETENTION_INTERVAL)
            if changed:
                log.info("callers kept before are hidden too now", caller=how, calls=changed)
                self._to_scrub = True
        if self._to_scrub:
            self._to_scrub = not self._archive.purge_deleted_data()

    def _remove(self) -> None:
        now, retention = self._clock(), self._settings().storage.retention
        if now < self._next_removal or not retention:
            return
        more = self.removal.step(retention)
        self._next_removal = now + (1.0 if more else RETENTION_INTERVAL)

    def _failed(self, error: ArchiveError) -> None:
        now = self._clock()
        self._archive.reconnect_after(error)
        self._next_beat = min(self._next_beat, now)
        if self._failing_since is None:
            self._failing_since = now
        kind = kind_of_failure(error)
        if kind not in self._logged_failures:
            self._logged_failures.add(kind)
            log.error(
                "the archive cannot be written, the board goes on and the counters wait", problem=str(error)
            )
        self._retry_at = now + self._retry
        self._retry = min(MAX_RETRY_S, 2 * self._retry)

    def _run_once(self) -> float:
        try:
            self.step()
        except Exception:  # nothing but a signal ends the exporter
            log.exception("an error that nobody foresaw in the archive, going on")
            now = self._clock()
            self._failing_since, self._retry_at = self._failing_since or now, now + MAX_RETRY_S
        now = self._clock()
        chores = (at for at in (self._next_hiding, self._next_removal) if at > now)
        return self._retry_at or min(now + HEARTBEAT_INTERVAL_S, *chores)

    def _leave(self) -> None:
        self.removal.report()
        if self._loaded and self._failing_since is None:
            self.step()
            with suppress(ArchiveError):  # it ends without a word then, as where it was away before
                self._archive.heartbeat(0)
                if self._archive.exclusive:
                    self._archive.release_leadership()
