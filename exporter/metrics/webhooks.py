"""What is counted of webhooks: the deliveries, and what became of them."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.aircall.events import EVENTS, UNKNOWN_EVENT
from exporter.clock import Clocks

Result = Literal[
    "accepted",
    "out_of_order",
    "duplicate",
    "ignored",
    "malformed",
    "unauthorized",
    "too_large",
    "overflow",
]


class WebhookMetrics:
    """Deliveries; there only where a token is configured.

    aircall_webhook_events_total{event="call.answered",result="accepted"} 7
    aircall_webhook_events_total{event="other",result="unauthorized"} 0
    aircall_webhook_last_event_timestamp_seconds 1.619005327e+09
    aircall_webhook_pending_events 0
    """

    def __init__(self, registry: CollectorRegistry, clocks: Clocks) -> None:
        self.last_event_at = clocks.steady()
        """When the last event with a valid token came (seconds, our clock)."""
        self.events = Counter(
            "aircall_webhook_events",
            "Deliveries to the webhook. event is Aircall's name without .v2, or other. result is"
            " accepted, out_of_order (a newer event came first), duplicate (sent again), ignored (of another"
            " kind), malformed, unauthorized (a wrong or missing token), too_large, or overflow (too many at"
            " once; Aircall sends it again). Only accepted events change anything. Requires webhooks.",
            ["event", "result"],
            registry=registry,
        )
        for event in EVENTS:
            for result in ("accepted", "out_of_order", "duplicate"):
                self.events.labels(event, result)
        for result in ("ignored", "malformed", "unauthorized", "too_large", "overflow"):
            self.events.labels(UNKNOWN_EVENT, result)
        self.last = Gauge(
            "aircall_webhook_last_event_timestamp_seconds",
            "When (UNIX time) the last event with a valid token came; the exporter's start before the first."
            " With webhooks only.",
            registry=registry,
        )
        self.last.set_function(lambda: clocks.unix(self.last_event_at))
        self.waiting = Gauge(
            "aircall_webhook_pending_events",
            "Events that were received and are not worked on yet. With webhooks only.",
            registry=registry,
        )

    def count(self, event: str, result: Result) -> None:
        self.events.labels(event, result).inc()
