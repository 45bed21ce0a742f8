"""Process events in a thread, so that the board follows them while polls wait for Aircall."""

import threading
from collections.abc import Callable, Sequence

import structlog

from exporter.aircall.events import Event
from exporter.clock import Clock
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

IDLE_WAIT_S = 1.0
"""Maximum seconds to wait for events, so that the thread can stop; also the wait after an error."""

HANG_TIMEOUT_S = 120.0
"""Seconds after which the thread counts as hung. Equals the poller's, for which it may have to wait."""

EventHandler = Callable[[Sequence[Event]], float]
"""Applies events. Returns the seconds after which to call it again, even without events."""


class EventWorker:
    """Passes all events in the inbox to `handler` at once."""

    def __init__(self, inbox: Inbox, metrics: WebhookMetrics, handler: EventHandler, clock: Clock) -> None:
        self._inbox, self._metrics, self._handler, self._clock = inbox, metrics, handler, clock
        self.ready = threading.Event()
        """Set once events can be applied; they wait until then."""
        self.loop = WorkerThread("events", self._run_once, clock, HANG_TIMEOUT_S)
        self._wait_seconds = IDLE_WAIT_S

    def process(self, wait_seconds: float) -> float:
        """Process events that wait or arrive within `wait_seconds`. Return the next wait in seconds."""
        events = []
        for delivery in self._inbox.take(wait_seconds):
            event = delivery.event()
            if event is None:
                self._metrics.count(delivery.name, "malformed")
            else:
                events.append(event)
        return min(IDLE_WAIT_S, self._handler(events))

    def _run_once(self) -> float:
        try:
            if self.ready.wait(IDLE_WAIT_S):
                self._wait_seconds = self.process(self._wait_seconds)
        except Exception:  # only a signal ends the exporter
            log.exception("unexpected error in events, continuing")
            self._wait_seconds = IDLE_WAIT_S
        return self._clock()
