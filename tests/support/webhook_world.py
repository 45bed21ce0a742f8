"""Run an exporter that receives events, over real HTTP, in simulated time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette

from exporter.archive.store import Archive
from exporter.config.settings import Webhook
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryQueue, NetworkConditions, WebhookSender
from exporter.simulator.webhooks import SimulatedWebhook
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from exporter.webhooks.receiver import PATH, webhook
from exporter.webhooks.worker import EventWorker
from harness.scrape import Scrape
from harness.simulated_time import Polled, SimulatedTime

TOKEN = "a token of the webhook"
BEAT = 0.5
"""Seconds between two deliveries of events."""


class PolledWithEvents(Polled):
    """A poller that also receives events as simulated time goes by."""

    def __init__(
        self,
        aircall: SimulatedAircall,
        time: SimulatedTime,
        archive: Archive,
        network: NetworkConditions,
        **settings: Any,
    ) -> None:
        super().__init__(aircall, time, archive, webhook=Webhook(token=TOKEN), **settings)
        self.metrics = WebhookMetrics(self.instruments, time)
        self.inbox = Inbox(lambda: self.settings.webhook.tokens, self.metrics, time)
        self.worker = EventWorker(self.inbox, self.metrics, self._apply, time)
        self.server = WebServer(Starlette(routes=[webhook(self.inbox)]), [bind("127.0.0.1:0")])
        self.url = f"http://127.0.0.1:{self.server.port}{PATH}"
        self.queue = DeliveryQueue(network)
        self.sender = WebhookSender(self.queue)
        aircall.webhooks.carriers.append(self.queue.put)
        aircall.webhooks.add(SimulatedWebhook(self.url, token=TOKEN))

    def step(self, until: float) -> None:
        super().step(min(until, self.time.now + BEAT))
        self.deliver()

    def deliver(self) -> None:
        """Deliver the events that are due, and apply them."""
        self.account.advance(self.aircall.clock())
        self.sender.send_due(self.time.now)
        if self.poller.ready_for_events:
            self.worker.process(0)

    def _apply(self, events: Any) -> float:
        if events:
            self.poller.apply_events(events, self.metrics.count)
        self.writer.step()
        return 0.0


@contextmanager
def polled_with_events(
    account: SimulatedAccount,
    network: NetworkConditions | None = None,
    *,
    served: dict[str, Any] | None = None,
    archive: Archive | None = None,
    **settings: Any,
) -> Iterator[PolledWithEvents]:
    """Serve `account`, poll it, and deliver its events over a `network`."""
    time = SimulatedTime(account.now)
    with SimulatedAircall(account, clock=time, **(served or {})) as aircall:
        world = PolledWithEvents(
            aircall, time, archive or Archive("sqlite://"), network or NetworkConditions(), **settings
        )
        world.server.start()
        try:
            yield world
        finally:
            world.server.stop()
            world.sender.close()
            world.client.close()
            world.writer.stop()


@contextmanager
def fed_by_events(account: SimulatedAccount) -> Iterator[PolledWithEvents]:
    """Run an exporter that has fetched everything, receives events and no longer polls."""
    with polled_with_events(account) as world:
        world.live_until_complete()
        world.poller.tasks.enabled = ()
        yield world


def at(world: PolledWithEvents, later: float) -> Scrape:
    """Return a scrape `later` seconds from now, after the events until then."""
    world.time.now += later
    world.deliver()
    return world.scrape()


def results(scrape: Scrape) -> dict[str, float]:
    """Return the number of deliveries by their result, without results that did not occur."""
    found: dict[str, float] = {}
    for labels, count in scrape.all("aircall_webhook_events_total").items():
        result = dict(labels)["result"]
        found[result] = found.get(result, 0) + count
    return {result: count for result, count in found.items() if count}


def state(scrape: Scrape, user: int) -> set[str]:
    series = scrape.all("aircall_user_availability", user_id=user)
    return {dict(labels)["state"] for labels, on in series.items() if on}
