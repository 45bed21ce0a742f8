"""Queue webhook deliveries with a valid token, up to a limit."""

import hmac
import queue
from collections.abc import Callable
from contextlib import suppress

from cachetools import FIFOCache

from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.events import UNKNOWN_EVENT, Delivery, Sender
from exporter.clock import Clock
from exporter.webhooks.metrics import Result, WebhookMetrics

MAX_PENDING_EVENTS = 5000
"""Events that may wait; they take about 15 MB."""

DEDUP_SIZE = 20_000
"""Size of the duplicate filter. Older duplicates are not detected, but have no effect either."""


class Inbox:
    """A queue of deliveries from the web server's thread to the worker's thread."""

    def __init__(self, tokens: Callable[[], tuple[str, ...]], metrics: WebhookMetrics, clock: Clock) -> None:
        """Accept deliveries with one of the tokens that `tokens` returns at that time."""
        self._tokens = tokens
        self._metrics = metrics
        self._clock = clock
        self._queue: queue.Queue[Delivery] = queue.Queue(MAX_PENDING_EVENTS)
        self._seen: FIFOCache[int, None] = FIFOCache(DEDUP_SIZE)
        metrics.waiting.set_function(self._queue.qsize)

    def knows(self, sender: Sender) -> bool:
        """Return whether a body may be from Aircall. This check is cheap; `deliver` decides."""
        return any(map(self._known, sender.tokens))

    def refuse(self) -> Result:
        """Count a body without a valid token."""
        return self._counted(UNKNOWN_EVENT, "unauthorized")

    def deliver(self, body: bytes) -> Result:
        """Queue the body of a POST. Return the result, which is `accepted` if it will be processed."""
        try:
            delivery = Delivery(body)
        except InvalidResponseError:
            return self.refuse()
        if not self._known(delivery.token):
            return self.refuse()
        self._metrics.last_event_at = self._clock()
        if not delivery.is_used:
            return self._counted(delivery.name, "ignored")
        identity = delivery.dedup_key
        if identity in self._seen:
            return self._counted(delivery.name, "duplicate")
        try:
            self._queue.put_nowait(delivery)
        except queue.Full:
            return self._counted(delivery.name, "overflow")
        self._seen[identity] = None
        return "accepted"

    def too_large(self) -> None:
        """Count a body that is larger than any event."""
        self._counted(UNKNOWN_EVENT, "too_large")

    def take(self, seconds: float) -> list[Delivery]:
        """Return all waiting deliveries. If there are none, wait for one, at most `seconds`."""
        taken: list[Delivery] = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=seconds))
            while True:
                taken.append(self._queue.get_nowait())
        return taken

    def _known(self, token: str) -> bool:
        """Return whether a token is valid, in a time that reveals nothing about the valid ones."""
        given = token.encode("utf-8", "replace")
        same = [hmac.compare_digest(given, known.encode()) for known in self._tokens()]
        return any(same)

    def _counted(self, event: str, result: Result) -> Result:
        self._metrics.count(event, result)
        return result
