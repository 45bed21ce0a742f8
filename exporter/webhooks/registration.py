"""Register webhooks with Aircall.

Aircall's list contains the tokens of all integrations. They are compared with ours, and never shown.
"""

import hmac
from collections.abc import Collection
from typing import Any

import msgspec

from exporter.aircall.decoding import InvalidResponseError, decode_object
from exporter.aircall.endpoints import ApiTask, Request, fetch, listing, paginate
from exporter.aircall.events import AI_AGENT_EVENTS, CALL_EVENTS, NUMBER_EVENTS, USER_EVENTS
from exporter.aircall.models import Page

NAME = "aircall-exporter"

SUBSCRIBED_EVENTS = (
    *CALL_EVENTS,
    *(f"{event}.v2" for event in USER_EVENTS),
    *NUMBER_EVENTS,
    *AI_AGENT_EVENTS,
)
"""Events that the webhook requests."""


class RegisteredWebhook(msgspec.Struct, frozen=True):
    """A webhook as Aircall lists it."""

    webhook_id: str
    url: str
    token: str = ""
    active: bool = False
    custom_name: str | None = None
    created_at: str | None = None
    events: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"RegisteredWebhook(webhook_id={self.webhook_id!r}, token hidden)"

    def is_same(self, url: str) -> bool:
        """Return whether this command has created the webhook for a URL."""
        return self.url == url and self.custom_name == NAME and bool(self.token)

    def is_ours(self, tokens: Collection[str]) -> bool:
        """Return whether the webhook's token is one of ours."""
        return any(hmac.compare_digest(self.token.encode(), token.encode()) for token in tokens)


def webhooks() -> Request[Page[RegisteredWebhook]]:
    """Return the request for a page of the company's webhooks."""
    return listing("/v1/webhooks", "webhooks", RegisteredWebhook)


def list_webhooks() -> ApiTask[list[RegisteredWebhook]]:
    """Fetch all webhooks of the company."""
    found: list[RegisteredWebhook] = []

    def apply(page: Page[RegisteredWebhook], _: float) -> None:
        found.extend(page.items)

    yield from paginate(webhooks(), apply)
    return found


def register(url: str) -> ApiTask[RegisteredWebhook]:
    """Create a webhook that sends events to a URL. Aircall chooses the token."""
    content = msgspec.json.encode({"custom_name": NAME, "url": url, "events": SUBSCRIBED_EVENTS})
    response = yield from fetch(Request("/v1/webhooks", _created, method="POST", content=content))
    return response.value


def unregister(webhook: RegisteredWebhook) -> ApiTask[None]:
    """Delete a webhook."""
    yield from fetch(Request[Any]("/v1/webhooks/:id", lambda _: None, webhook.webhook_id, method="DELETE"))


def _created(body: bytes) -> RegisteredWebhook:
    webhook = decode_object(body, "webhook", RegisteredWebhook)
    if webhook is None or not webhook.token:
        raise InvalidResponseError("the webhook was created, but the response has no token")
    return webhook
