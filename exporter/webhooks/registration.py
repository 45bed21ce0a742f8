"""Registering a webhook with Aircall, as requests and what comes of them.

Aircall's list has the tokens of all integrations: they are compared with ours here, and go no further.
"""

import hmac
from collections.abc import Collection
from typing import Any

import msgspec

from exporter.aircall.decoding import InvalidResponseError, decode_object
from exporter.aircall.endpoints import ApiTask, Request, fetch, listing, paginate
from exporter.aircall.events import CALL_EVENTS, USER_EVENTS
from exporter.aircall.models import Page

NAME = "aircall-exporter"

SUBSCRIBED_EVENTS = (*CALL_EVENTS, *(f"{event}.v2" for event in USER_EVENTS))
"""What Aircall is asked to tell."""


class RegisteredWebhook(msgspec.Struct, frozen=True):
    """A webhook as Aircall has it."""

    webhook_id: str
    url: str
    token: str = ""
    active: bool = False
    custom_name: str | None = None
    created_at: str | None = None
    events: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Registered(webhook_id={self.webhook_id!r}, token hidden)"

    def is_ours(self, tokens: Collection[str]) -> bool:
        """Whether its token is one of ours."""
        return any(hmac.compare_digest(self.token.encode(), token.encode()) for token in tokens)


def list_webhooks() -> ApiTask[list[RegisteredWebhook]]:
    """All webhooks of the company."""
    found: list[RegisteredWebhook] = []

    def apply(page: Page[RegisteredWebhook], _: float) -> None:
        found.extend(page.items)

    yield from paginate(listing("/v1/webhooks", "webhooks", RegisteredWebhook), apply)
    return found


def register(url: str) -> ApiTask[RegisteredWebhook]:
    """Have Aircall send its events to a URL; it makes up the token itself."""
    content = msgspec.json.encode({"custom_name": NAME, "url": url, "events": SUBSCRIBED_EVENTS})
    answer = yield from fetch(Request("/v1/webhooks", _created, method="POST", content=content))
    return answer.value


def unregister(webhook: RegisteredWebhook) -> ApiTask[None]:
    """Have Aircall send nothing more there."""
    yield from fetch(Request[Any]("/v1/webhooks/:id", lambda _: None, webhook.webhook_id, method="DELETE"))


def _created(body: bytes) -> RegisteredWebhook:
    webhook = decode_object(body, "webhook", RegisteredWebhook)
    if webhook is None or not webhook.token:
        raise InvalidResponseError("the webhook is there, but the answer has no token of it")
    return webhook
