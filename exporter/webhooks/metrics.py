"""Count webhook deliveries by result."""

from typing import Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.aircall.events import EVENTS, OTHER_EVENTS, UNKNOWN_EVENT
from exporter.clock import Clocks

log = structlog.get_logger()

MAX_UNKNOWN_NAMES = 50
"""Maximum number of events that have series of their own without being in Aircall's reference."""

_KNOWN = frozenset((*EVENTS, *OTHER_EVENTS, UNKNOWN_EVENT))

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
    """Webhook deliveries. Exposed only if a webhook token is configured.

    aircall_webhook_events_total{event="call.answered",result="accepted"} 7
    aircall_webhook_events_total{event="call.teleported",result="ignored"} 2
    aircall_webhook_events_total{event="other",result="unauthorized"} 0
    aircall_webhook_last_event_timestamp_seconds 1.619005327e+09
    aircall_webhook_pending_events 0
    """

    def __init__(self, registry: CollectorRegistry, clocks: Clocks) -> None:
        self.last_event_at = clocks.steady()
        """Arrival of the last event with a valid token (seconds, our clock)."""
        self.events = Counter(
            "aircall_webhook_events",
            "Deliveries to the webhook. event is Aircall's name without .v2, also one that this version"
            " does not know (the first 50 since the start), or other. result is accepted, out_of_order"
            " (a newer event came first), duplicate (sent again), ignored (of a kind that the exporter does"
            " not use), malformed, unauthorized (wrong or missing token), too_large, or overflow (too many at"
            " once; Aircall sends it again). Only accepted events have an effect. Requires webhooks.",
            ["event", "result"],
            registry=registry,
        )
        self._unknown: set[str] = set()
        for event in EVENTS:
            for result in ("accepted", "out_of_order", "duplicate"):
                self.events.labels(event, result)
        for event in OTHER_EVENTS:
            self.events.labels(event, "ignored")
        for result in ("ignored", "malformed", "unauthorized", "too_large", "overflow"):
            self.events.labels(UNKNOWN_EVENT, result)
        self.last = Gauge(
            "aircall_webhook_last_event_timestamp_seconds",
            "UNIX time of the last event with a valid token; before the first, of the exporter's start."
            " Requires webhooks.",
            registry=registry,
        )
        self.last.set_function(lambda: clocks.unix(self.last_event_at))
        self.waiting = Gauge(
            "aircall_webhook_pending_events",
            "Events that were received and are not processed yet. Requires webhooks.",
            registry=registry,
        )

    def count(self, event: str, result: Result) -> None:
        """Count a received event, under its name if that is known or one of the first unknown ones."""
        self.events.labels(self._name(event), result).inc()

    def _name(self, event: str) -> str:
        if event in _KNOWN or event in self._unknown:
            return event
        if len(self._unknown) >= MAX_UNKNOWN_NAMES:
            return UNKNOWN_EVENT
        self._unknown.add(event)
        log.info("event that this version does not know, ignored", name=event)
        return event
