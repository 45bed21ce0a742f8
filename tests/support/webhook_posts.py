"""Events that a test posts to the webhook."""

import msgspec
import requests

from tests.support.webhook_world import TOKEN, PolledWithEvents


def event(world: PolledWithEvents, token: object = TOKEN, **changes: object) -> bytes:
    """Return the event of a call that has just begun."""
    data = {"id": 1, "direction": "inbound", "status": "initial", "started_at": int(world.time.now)}
    number = next(iter(world.account.numbers))
    content = {
        "resource": "call",
        "event": "call.created",
        "timestamp": int(world.time.now),
        "token": token,
        "data": data | {"number": {"id": number}},
    }
    return msgspec.json.encode(content | changes)


def post(world: PolledWithEvents, body: bytes) -> int:
    return requests.post(world.url, body, timeout=5).status_code
