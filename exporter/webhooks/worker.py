"""The thread that works on events, beside the polls: the board follows while these wait for Aircall."""

import threading
from collections.abc import Callable, Sequence

import structlog

from exporter.aircall.events import Event
from exporter.clock import Clock
from exporter.metrics.webhooks import WebhookMetrics
from exporter.webhooks.inbox import Inbox
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

IDLE_WAIT_S = 1.0
"""Seconds after which it is looked whether to stop, and after an error that nobody foresaw."""

HANG_TIMEOUT_S = 120.0
"""Seconds after which the thread counts as hung; as the poller, for which it may have to wait."""

EventHandler = Callable[[Sequence[Event]], float]
"""Takes in events; gives the seconds after which it wants to be asked again, also without any."""


class EventWorker:
    """Hands what is in the inbox to `hear`, as many events at once as there are."""

    def __init__(self, inbox: Inbox, metrics: WebhookMetrics, hear: EventHandler, clock: Clock) -> None:
        self._inbox, self._metrics, self._hear, self._clock = inbox, metrics, hear, clock
        self.ready = threading.Event()
        """Set once events can be heard; they wait until then."""
        self.loop = WorkerThread("events", self._turn, clock, HANG_TIMEOUT_S)
        self._patience = IDLE_WAIT_S

    def process(self, patience: float) -> float:
        """Work on what is there, or comes within `patience` seconds; gives those until the next time."""
        events = []
        for delivery in self._inbox.take(patience):
            event = delivery.event()
            if event is None:
                self._metrics.count(delivery.name, "malformed")
            else:
                events.append(event)
        return min(IDLE_WAIT_S, self._hear(events))

    def _turn(self) -> float:
        try:
            if self.ready.wait(IDLE_WAIT_S):
                self._patience = self.process(self._patience)
        except Exception:  # nothing but a signal ends the exporter
            log.exception("an error that nobody foresaw in events, going on")
            self._patience = IDLE_WAIT_S
        return self._clock()
