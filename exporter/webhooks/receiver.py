"""The door for Aircall's events: `POST /webhook`, answered at once and worked on afterwards."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.aircall.decoding import repaired
from exporter.aircall.events import sender_of
from exporter.metrics.webhooks import Result
from exporter.webhooks.inbox import Inbox

PATH = "/webhook"

MAX_BODY_BYTES = 2**17
"""Bytes; a call with all that can be on it has some ten thousand. As many clients as there is room for may
each have sent that much before their token is looked at."""

UNLIMITED_BODY = 2**40
"""Says to Starlette that its own limit is not for this route, so that what is too large is counted."""


def webhook(inbox: Inbox | None, stands_by: Callable[[], str | None] = lambda: None) -> Route:
    """The route into `inbox`, none where no token is configured.

    It is closed while the exporter `stands_by`: Aircall sends again, to where another listens by then.
    """

    async def receive(request: Request) -> Response:
        why = stands_by()
        if inbox is None or why:
            closed = f"Standing by: {why}." if why else "No webhook is configured, see webhook.token."
            return PlainTextResponse(f"{closed}\n", 503 if why else 404)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    inbox.too_large()
                    return PlainTextResponse("No event is as large as that.\n", 413)
        except ClientDisconnect:
            return Response(status_code=400)
        match await _delivered(inbox, bytes(body)):
            case "unauthorized":
                return PlainTextResponse("The token is not the one that is configured.\n", 401)
            case "overflow":  # Aircall sends it again
                return PlainTextResponse("Too many events at once.\n", 503)
        return Response()

    return Route(PATH, receive, methods=["POST"], max_body_size=UNLIMITED_BODY)


async def _delivered(inbox: Inbox, body: bytes) -> Result:
    """Deliver a body. Only the token is read on the event loop before it is known to be valid."""
    sender = sender_of(body)
    if not inbox.knows(sender):
        return inbox.refuse()
    if sender.broken:
        try:
            body = await run_in_threadpool(repaired, body)
        except (ValueError, RecursionError):
            return inbox.refuse()
    return inbox.deliver(body)
