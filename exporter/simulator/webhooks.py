"""The account's webhooks: who is to be told of which events, and what he is sent."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from exporter.simulator.account_events import AccountEvent
from exporter.simulator.payloads import API, Payload, call_payload, user_payload, user_payload_v2
from exporter.simulator.simulation import SimulatedAccount

FAILURES_UNTIL_OFF = 50
"""Times that one event is sent in vain before its webhook is switched off."""


@dataclass
class SimulatedWebhook:
    """Where to send events, and the token that says who sends them."""

    url: str
    events: tuple[str, ...] = ()
    """Empty means all."""
    custom_name: str | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    id: str = field(default_factory=lambda: str(uuid4()))
    active: bool = True
    created_at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))

    def payload(self) -> Payload:
        """As the API shows it, token and all."""
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
    """A body that is to go to a webhook; it happened `at` (UNIX seconds)."""

    webhook: SimulatedWebhook
    body: bytes
    at: float


class Webhooks:
    """All webhooks of an account, and who carries what is sent to them."""

    def __init__(self, account: SimulatedAccount) -> None:
        self.hooks: dict[str, SimulatedWebhook] = {}
        self.carriers: list[Callable[[Post], object]] = []
        """Handed each post while the account's lock is held."""
        self._account = account

    def add(self, webhook: SimulatedWebhook) -> SimulatedWebhook:
        """Register a webhook; from the first one on, the account is listened to."""
        if self._tell not in self._account.listeners:
            self._account.listeners.append(self._tell)
        self.hooks[webhook.id] = webhook
        return webhook

    def _tell(self, happening: AccountEvent) -> None:
        for webhook in list(self.hooks.values()):
            if webhook.active and (not webhook.events or happening.event in webhook.events):
                body = msgspec.json.encode(self._envelope(happening) | {"token": webhook.token})
                for carrier in self.carriers:
                    carrier(Post(webhook, body, happening.at))

    def _envelope(self, happening: AccountEvent) -> Payload:
        resource = happening.event.partition(".")[0]
        return {
            "resource": resource,
            "event": happening.event,
            "timestamp": int(happening.at),
            "data": self._data(happening),
        }

    def _data(self, happening: AccountEvent) -> Payload | None:
        call, user = happening.call, happening.user
        if call is None:
            return user_payload_v2(user) if user else None
        teams = [self._account.teams[id_] for id_ in call.team_ids if id_ in self._account.teams]
        data = call_payload(call, teams, happening.at)
        data["call_uuid"] = data.pop("sid")
        return data | ({"user": user_payload(user)} if user else {})
