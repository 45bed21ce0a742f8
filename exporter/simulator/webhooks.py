"""Keep the account's webhooks, and build the bodies that are sent to them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from exporter.simulator.account_events import AccountEvent
from exporter.simulator.payloads import (
    API,
    Payload,
    ai_agent_event_payload,
    call_payload,
    ivr_options_payload,
    number_payload,
    user_event_payload,
    user_payload,
)
from exporter.simulator.simulation import SimulatedAccount

FAILURES_UNTIL_OFF = 50
"""Failed attempts to send one event after which its webhook is disabled."""


@dataclass
class SimulatedWebhook:
    """The URL that receives events, and the token that authenticates them."""

    url: str
    events: tuple[str, ...] = ()
    """Empty means all events."""
    custom_name: str | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    id: str = field(default_factory=lambda: str(uuid4()))
    active: bool = True
    created_at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))

    def payload(self) -> Payload:
        """Return the webhook as the API shows it, including the token."""
        return {
            "webhook_id": self.id,
            "direct_link": f"{API}/webhooks/{self.id}",
            "created_at": self.created_at,
            "url": self.url,
            "active": self.active,
            "token": self.token,
            "custom_name": self.custom_name,
            "events": list(self.events),
        }


@dataclass(frozen=True, slots=True)
class Post:
    """A body to send to a webhook; its event occurred `at` (UNIX seconds)."""

    webhook: SimulatedWebhook
    body: bytes
    at: float


class Webhooks:
    """All webhooks of an account."""

    def __init__(self, account: SimulatedAccount) -> None:
        self.hooks: dict[str, SimulatedWebhook] = {}
        self.carriers: list[Callable[[Post], object]] = []
        """Called with each event to send, while the account's lock is held."""
        self._account = account

    def add(self, webhook: SimulatedWebhook) -> SimulatedWebhook:
        """Register a webhook. The first one subscribes to the account's events."""
        if self._notify not in self._account.listeners:
            self._account.listeners.append(self._notify)
        self.hooks[webhook.id] = webhook
        return webhook

    def _notify(self, occurred: AccountEvent) -> None:
        for webhook in list(self.hooks.values()):
            if webhook.active and (not webhook.events or occurred.event in webhook.events):
                body = msgspec.json.encode(self._envelope(occurred) | {"token": webhook.token})
                for carrier in self.carriers:
                    carrier(Post(webhook, body, occurred.at))

    def _envelope(self, occurred: AccountEvent) -> Payload:
        resource = occurred.event.partition(".")[0]
        return {
            "resource": resource,
            "event": occurred.event,
            "timestamp": int(occurred.at),
            "data": self._data(occurred),
        }

    def _data(self, occurred: AccountEvent) -> Payload | None:
        call, user = occurred.call, occurred.user
        if occurred.number is not None:
            return number_payload(occurred.number)
        if call is None:
            return user_event_payload(user) if user else None
        if occurred.ai_agent is not None:
            return ai_agent_event_payload(call, occurred.ai_agent, occurred.event)
        teams = [self._account.teams[id_] for id_ in call.team_ids if id_ in self._account.teams]
        data = call_payload(call, teams, occurred.at)
        data["call_uuid"] = data.pop("sid")
        if occurred.event == "call.ivr_option_selected":
            data["ivr_options_selected"] = ivr_options_payload(call)
        return data | ({"user": user_payload(user)} if user else {})
