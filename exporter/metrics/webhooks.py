"""What is counted of webhooks: the deliveries, and what became of them."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.aircall.events import EVENTS, OTHER
from exporter.clock import Clocks

Result = Literal["accepted", "late", "replayed", "ignored", "malformed", "refused", "too_large", "overflow"]


class WebhookMetrics:
    """Deliveries; there only where a token is configured.

    aircall_webhook_events_total{event="call.answered",result="accepted"} 7
    aircall_webhook_events_total{event="other",result="refused"} 0
    aircall_webhook_last_event_timestamp_seconds 1.619005327e+09
    aircall_webhook_waiting_events 0
    """

    def __init__(self, registry: CollectorRegistry, clocks: Clocks) -> None:
        self.last_event_at = clocks.steady()
        """When the last event with a valid token came (seconds, our clock)."""
        self.events = Counter(
            "aircall_webhook_events",
            "Deliveries to the webhook. event is Aircall's name without .v2, other for one that is not known."
            " result is accepted, late (a newer one had come before), replayed (sent again), ignored (of some"
            " other kind), malformed, refused (a wrong or missing token), too_large, or overflow (too many"
            " at once, Aircall sends it again). Only the first changes anything. With webhooks only.",
            ["event", "result"],
            registry=registry,
        )
        for event in EVENTS:
            for result in ("accepted", "late", "replayed"):
                self.events.labels(event, result)
        for result in ("ignored", "malformed", "refused", "too_large", "overflow"):
            self.events.labels(OTHER, result)
        self.last = Gauge(
            "aircall_webhook_last_event_timestamp_seconds",
            "When (UNIX time) the last event with a valid token came; the exporter's start before the first."
            " With webhooks only.",
            registry=registry,
        )
        self.last.set_function(lambda: clocks.unix(self.last_event_at))
        self.waiting = Gauge(
            "aircall_webhook_waiting_events",
            "Events that were received and are not worked on yet. With webhooks only.",
            registry=registry,
        )

    def count(self, event: str, result: Result) -> None:
        self.events.labels(event, result).inc()
