"""Define faults of the simulated API: wrong, late or missing responses."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse


@dataclass(frozen=True)
class Exchange:
    """A request that awaits its response, and the possible reactions."""

    path: str
    connection: object
    """The same object for all requests of a connection."""
    normal_response: Callable[[], Response]
    drop_connection: Callable[[], None]
    is_stopping: Callable[[], bool]
    """Returns whether the server is stopping. If so, no client waits for the response."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The request's query parameters, the last value of each."""


Respond = Callable[[Exchange], Awaitable[Response]]

MAX_OBJECTS_PER_QUERY = 10_000
"""Maximum number of objects of a list that Aircall returns for one query."""


@dataclass(frozen=True)
class Fault:
    """Responds to requests whose path matches with `respond`, while it is in the server's list of faults."""

    match: Callable[[str], bool]
    respond: Respond


def answer(status: int, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Respond:
    """Respond with a fixed response: an error, a web page instead of JSON, or a redirect."""

    async def respond(_: Exchange) -> Response:
        return Response(body, status, headers, media_type=content_type)

    return respond


def when(condition: Callable[[Exchange], bool], respond: Respond) -> Respond:
    """Respond with `respond` if the condition is true, otherwise normally."""

    async def conditionally(exchange: Exchange) -> Response:
        return await respond(exchange) if condition(exchange) else exchange.normal_response()

    return conditionally


def from_page(first: int, respond: Respond, last: float = math.inf) -> Respond:
    """Respond to pages `first` to `last` of a list with `respond`."""
    return when(lambda exchange: first <= int(exchange.query.get("page", "1")) <= last, respond)


def limited_to_10k(status: int = 400) -> Respond:
    """Reject the pages after the first 10,000 objects of a list, but link to them, as some accounts do.

    The normal response ends there without a link.
    """
    body = b'{"error":"Bad Request","troubleshoot":"Pagination is limited to 10k results"}'

    async def respond(exchange: Exchange) -> Response:
        page, size = (
            int(exchange.query.get(name, value)) for name, value in (("page", "1"), ("per_page", "20"))
        )
        if (page - 1) * size >= MAX_OBJECTS_PER_QUERY:
            return Response(body, status, media_type="application/json")
        proper = exchange.normal_response()
        if page * size >= MAX_OBJECTS_PER_QUERY:
            content = msgspec.json.decode(bytes(proper.body))
            bounds = "&".join(f"{name}={value}" for name, value in exchange.query.items() if name != "page")
            content["meta"]["next_page_link"] = (
                f"https://api.aircall.io{exchange.path}?{bounds}&page={page + 1}"
            )
            return Response(msgspec.json.encode(content), media_type="application/json")
        return proper

    return respond


async def cut_off(exchange: Exchange) -> Response:
    """Respond with the first half of the JSON, as if it were complete."""
    body = bytes(exchange.normal_response().body)
    return Response(body[: len(body) // 2], media_type="application/json")


async def close_connection(exchange: Exchange) -> Response:
    """Close the connection without a response."""
    exchange.drop_connection()
    await asyncio.sleep(0)  # lets the server notice the closed connection
    return Response()


@dataclass
class DropIdle:
    """Responds to the first request of each connection, as if a firewall then dropped the idle connection.

    If the connection is used again, it is reset. If `silently`, there is no reaction at all.
    """

    silently: bool = False
    seen: set[object] = field(default_factory=set)

    async def __call__(self, exchange: Exchange) -> Response:
        """Respond normally to the first request only."""
        if exchange.connection not in self.seen:
            self.seen.add(exchange.connection)
            return exchange.normal_response()
        while self.silently and not exchange.is_stopping():
            await asyncio.sleep(0.01)
        return await close_connection(exchange)


async def reset(exchange: Exchange) -> Response:
    """Reset the connection in the middle of the response."""
    body = bytes(exchange.normal_response().body)

    async def half() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await asyncio.sleep(0.01)  # so that the first half is sent
        exchange.drop_connection()

    return _sent_as(half(), len(body))


async def drip(exchange: Exchange) -> Response:
    """Respond one byte at a time, and never send the last one."""
    body = bytes(exchange.normal_response().body)

    async def drops() -> AsyncIterator[bytes]:
        for position in range(len(body) - 1):
            yield body[position : position + 1]
            await asyncio.sleep(0.01)
        while not exchange.is_stopping():
            await asyncio.sleep(0.01)

    return _sent_as(drops(), len(body))


def _sent_as(pieces: AsyncIterator[bytes], size: int) -> Response:
    headers = {"Content-Length": str(size)}
    return StreamingResponse(pieces, headers=headers, media_type="application/json")


def padded(size: int) -> Respond:
    """Respond normally, with spaces appended up to `size` bytes."""

    async def respond(exchange: Exchange) -> Response:
        return Response(bytes(exchange.normal_response().body).ljust(size), media_type="application/json")

    return respond


def edited(change: Callable[[Any], object]) -> Respond:
    """Respond normally, after `change` has edited the decoded JSON in place."""

    async def respond(exchange: Exchange) -> Response:
        proper = exchange.normal_response()
        content = msgspec.json.decode(bytes(proper.body))
        change(content)
        return Response(msgspec.json.encode(content), proper.status_code, media_type="application/json")

    return respond


def malformed(*objects: Any) -> Respond:
    """Insert `objects` before each list's items: nulls, wrong types, objects without an id."""

    def add(content: Any) -> None:
        for value in content.values():
            if isinstance(value, list):
                value[:0] = objects

    return edited(add)


@dataclass
class Hang:
    """Responds only after `released` is set. A request sets `reached`."""

    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, exchange: Exchange) -> Response:
        """Wait, then respond normally."""
        self.reached.set()
        while not (self.released.is_set() or exchange.is_stopping()):
            await asyncio.sleep(0.01)  # a blocking wait would delay all other requests
        return exchange.normal_response()
