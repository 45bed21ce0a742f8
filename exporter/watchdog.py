"""Looks after the threads: one that died is started again, one that hangs is told of."""

from collections.abc import Callable, Sequence

import structlog
from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.metrics.threads import ThreadMetrics
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

LOOK = 5.0
"""Seconds between two looks."""

SUSPENDED = 10.0
"""Seconds by which a look is late only if the whole process was stopped."""

PATIENCE = 60.0
"""Seconds after which the watchdog itself counts as hung."""


class Watchdog:
    """Watches loops.

    A thread that hangs cannot be ended from within: whoever watches the process has to end that, and learns
    of it from `problems`, which needs no thread of ours.
    """

    def __init__(
        self,
        loops: Sequence[WorkerThread],
        registry: CollectorRegistry,
        clock: Clock,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Watch `loops`, and call `then` after each look."""
        self._loops, self._clock, self._then = loops, clock, then
        self._looked_at = clock()
        self._metrics = ThreadMetrics(registry, loops)
        self._told: set[str] = set()
        self._own = WorkerThread("watchdog", self._look, clock, PATIENCE)

    def start(self) -> None:
        self._own.start()

    def stop(self) -> None:
        self._own.stop(1)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong now, in a few words each; nothing where all threads work."""
        problems = (loop.problem for loop in (*self._loops, self._own))
        return tuple(problem for problem in problems if problem)

    def _look(self) -> float:
        now = self._clock()
        suspended, self._looked_at = now - self._looked_at > LOOK + SUSPENDED, now
        if suspended:  # nothing ran meanwhile: whether a thread hangs shows at the next look
            return now + LOOK
        for loop in self._loops:
            if loop.died:
                loop.start()
                self._metrics.restarts.labels(loop.name).inc()
                log.error("a thread died and is started again", thread=loop.name)
            problem, told = loop.problem, loop.name in self._told
            if problem and not told:
                self._told.add(loop.name)
                log.error("a thread hangs; unless it goes on, restart the exporter", problem=problem)
            elif told and not problem:
                self._told.discard(loop.name)
                log.info("a thread that hung goes on", thread=loop.name)
        self._then()
        return self._clock() + LOOK
