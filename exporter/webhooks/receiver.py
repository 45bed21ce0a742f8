"""Serve `POST /webhook` for Aircall's events, which are answered at once and processed later."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.aircall.decoding import repaired
from exporter.aircall.events import sender_of
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import Result

PATH = "/webhook"

SENDER_KNOWN = "sender_known"
"""Key in a request's state, which is set if its body has a valid token."""

MAX_BODY_BYTES = 2**17
"""Maximum bytes of a body; the largest real events have about ten thousand. Each connection may buffer this
much before its token is checked."""

UNLIMITED_BODY = 2**40
"""Disables Starlette's own limit for this route, so that bodies that are too large are counted."""


def webhook(inbox: Inbox | None, standby_reason: Callable[[], str | None] = lambda: None) -> Route:
    """Return the route into `inbox`, which is `None` if no token is configured.

    On standby, it responds with 503. Aircall sends the event again, and the leader may receive it then.
    """

    async def receive(request: Request) -> Response:
        why = standby_reason()
        if inbox is None or why:
            closed = f"On standby: {why}." if why else "No webhook is configured, see webhook.token."
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
        result = await _delivered(inbox, bytes(body))
        if result == "unauthorized":
            return PlainTextResponse("The token is not the one that is configured.\n", 401)
        setattr(request.state, SENDER_KNOWN, True)
        if result == "overflow":  # Aircall sends it again
            return PlainTextResponse("Too many events at once.\n", 503)
        return Response()

    return Route(PATH, receive, methods=["POST"], max_body_size=UNLIMITED_BODY)


async def _delivered(inbox: Inbox, body: bytes) -> Result:
    """Deliver a body. Until the token proves valid, only the token is parsed on the event loop."""
    sender = sender_of(body)
    if not inbox.knows(sender):
        return inbox.refuse()
    if sender.broken:
        try:
            body = await run_in_threadpool(repaired, body)
        except (ValueError, RecursionError):
            return inbox.refuse()
    return inbox.deliver(body)
