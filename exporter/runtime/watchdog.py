"""Restart worker threads that died, and report those that hang."""

from collections.abc import Callable, Iterable, Sequence

import structlog
from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.runtime.thread_metrics import ThreadMetrics
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

CHECK_INTERVAL_S = 5.0
"""Seconds between two checks."""

SUSPENDED_AFTER_S = 10.0
"""A check that is later than this many seconds indicates that the whole process was suspended."""

HANG_TIMEOUT_S = 60.0
"""Seconds after which the watchdog itself counts as hung."""


class Watchdog:
    """Checks worker threads periodically.

    Python cannot end a thread that hangs. A supervisor has to end the process; it sees the hang in
    `problems`, which works even if the watchdog's own thread hangs.
    """

    def __init__(
        self,
        threads: Sequence[WorkerThread],
        registry: CollectorRegistry,
        clock: Clock,
        more_checks: Iterable[Callable[[], object]] = (),
    ) -> None:
        """Watch `threads`, and make `more_checks` after each check of them."""
        self._threads, self._clock, self._more_checks = threads, clock, tuple(more_checks)
        self._checked_at = clock()
        self._metrics = ThreadMetrics(registry, threads)
        self._logged_hangs: set[str] = set()
        self._own = WorkerThread("watchdog", self._check, clock, HANG_TIMEOUT_S)

    def start(self) -> None:
        """Start the thread that checks the others."""
        self._own.start()

    def stop(self) -> None:
        """Stop the thread, and wait up to a second for it."""
        self._own.stop(1)

    @property
    def problems(self) -> tuple[str, ...]:
        """The current problems of threads, in a few words each."""
        problems = (thread.problem for thread in (*self._threads, self._own))
        return tuple(problem for problem in problems if problem)

    def _check(self) -> float:
        now = self._clock()
        suspended, self._checked_at = now - self._checked_at > CHECK_INTERVAL_S + SUSPENDED_AFTER_S, now
        if suspended:  # no thread ran meanwhile; the next check shows whether one hangs
            return now + CHECK_INTERVAL_S
        for thread in self._threads:
            if thread.died:
                thread.start()
                self._metrics.restarts.labels(thread.name).inc()
                log.error("thread died, restarted", thread=thread.name)
            problem, logged = thread.problem, thread.name in self._logged_hangs
            if problem and not logged:
                self._logged_hangs.add(thread.name)
                log.error("thread hangs, restart the exporter if this persists", problem=problem)
            elif logged and not problem:
                self._logged_hangs.discard(thread.name)
                log.info("thread works again after a hang", thread=thread.name)
        for check in self._more_checks:
            check()
        return self._clock() + CHECK_INTERVAL_S
