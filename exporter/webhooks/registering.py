"""Registering a webhook with Aircall, as requests and what comes of them.

Aircall's list has the tokens of all integrations: they are compared with ours here, and go no further.
"""

import hmac
from collections.abc import Collection
from typing import Any

import msgspec

from exporter.aircall.decoding import InvalidAnswerError, decode_object
from exporter.aircall.endpoints import Asking, Request, ask, each_page, listing
from exporter.aircall.events import CALL_EVENTS, USER_EVENTS
from exporter.aircall.objects import Page

NAME = "aircall-exporter"

WANTED = (*CALL_EVENTS, *(f"{event}.v2" for event in USER_EVENTS))
"""What Aircall is asked to tell."""


class Registered(msgspec.Struct, frozen=True):
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


def registered() -> Asking[list[Registered]]:
    """All webhooks of the company."""
    found: list[Registered] = []

    def apply(page: Page[Registered], _: float) -> None:
        found.extend(page.items)

    yield from each_page(listing("/v1/webhooks", "webhooks", Registered), apply)
    return found


def register(url: str) -> Asking[Registered]:
    """Have Aircall send its events to a URL; it makes up the token itself."""
    content = msgspec.json.encode({"custom_name": NAME, "url": url, "events": WANTED})
    answer = yield from ask(Request("/v1/webhooks", _created, method="POST", content=content))
    return answer.value


def unregister(webhook: Registered) -> Asking[None]:
    """Have Aircall send nothing more there."""
    yield from ask(Request[Any]("/v1/webhooks/:id", lambda _: None, webhook.webhook_id, method="DELETE"))


def _created(body: bytes) -> Registered:
    webhook = decode_object(body, "webhook", Registered)
    if webhook is None or not webhook.token:
        raise InvalidAnswerError("the webhook is there, but the answer has no token of it")
    return webhook
