"""Limit the number and duration of connections, so that no client can block scrapes.

uvicorn itself waits without a limit for the rest of a request, and rejects new connections when it is full.
So this module replaces undocumented parts of it, which `tests/web/test_uvicorn.py` lists, and its version is
pinned. hypercorn, whose timeouts are settings, was tried instead. It limits neither the number of connections
nor the unfinished requests, and its limit on time is for each read. With 456 half-open connections, a scrape
timed out. The test that decided this is
`tests/web/test_connections.py::test_scrape_among_too_many_half_open_connections_is_answered`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.addresses import client_network
from exporter.web.connection_limiter import ConnectionLimiter
from exporter.web.http_parser import SLICE, Parser

log = structlog.get_logger()

HANDSHAKE_TIMEOUT_S = 10.0
"""Maximum duration of a TLS handshake."""

REQUEST_TIMEOUT_S = 60.0
"""Maximum time from the connection, or from the first byte of a later request, until its response is
complete."""

IDLE_TIMEOUT_S = 150
"""Time from a response to the next request, after which the connection is closed. It is longer than the
interval between two scrapes, so that Prometheus keeps its connection during a flood of new ones."""

LINGER_SECONDS = 5.0
"""Time for which further data is discarded, after the response to a request that could not be parsed."""

CLIENT_CERT_VERIFIED = "certified"
"""Key in a request's state: whether its connection has a verified client certificate."""

PRESENCE = "presence"
"""Key in a request's state: the `Presence` of its client."""

ContextNow = Callable[[], ssl.SSLContext | None]
"""Returns the TLS context of the next connection, or `None` without TLS."""


class Presence:
    """A connected client, as the application sees it."""

    def __init__(self, lost: "asyncio.Future[None]", hang_up: Callable[[], None]) -> None:
        self.lost = lost
        """Done as soon as the client has disconnected."""
        self.hang_up = hang_up
        """Closes the connection at once."""
        self.authenticated = False
        """Whether the last answered request, or the one in progress, was authenticated."""
        self.doubtful = False
        """Whether the password is being checked, or the last request was answered with 401."""


class Connection(H11Protocol):
    """One connection, from when it is accepted."""

    def __init__(self, limiter: ConnectionLimiter, network: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.conn: Parser = Parser(self.config.h11_max_incomplete_event_size or 0)
        self._limiter = limiter
        self._accepting: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False
        self._refused = False
        self._presence = Presence(self.loop.create_future(), self.abort)

    @property
    def idle(self) -> bool:
        """Whether no complete request waits for its response."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def unfinished(self) -> bool:
        """Whether only part of a request has arrived."""
        return self._begun and (self.idle or self.cycle.more_body)

    @property
    def authenticated(self) -> bool:
        """Whether the last answered request, or the one in progress, was authenticated."""
        return self._presence.authenticated

    @property
    def standing(self) -> int:
        """Of the connections of a network, those with the lowest standing are closed first."""
        if self.unfinished or self._presence.doubtful:
            return 0
        return 1 if self.idle else 2

    @property
    def unsent(self) -> int:
        """Bytes of responses that the client has not received yet."""
        return self.transport.get_write_buffer_size() if self.transport else 0

    def accept(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        """Start the handshake with a client; its requests are served from then on."""
        self._accepting = self.loop.create_task(self._accept(client, context))
        self._accepting.add_done_callback(lambda _: self._accepted(client))
        self._limiter.enter(self)

    async def _accept(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            await self.loop.connect_accepted_socket(
                lambda: self,
                client,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if context else None,
            )
        except OSError as error:
            log.debug("handshake failed", problem=str(error))

    def _accepted(self, client: socket.socket) -> None:
        """Clean up after a failed handshake.

        Runs as a callback, because a task that is cancelled before its first step never executes.
        """
        if self.transport is None:
            self._limiter.leave(self)
            client.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection."""
        super().connection_made(transport)
        certified = bool(transport.get_extra_info("peercert"))
        self.app_state = self.app_state | {CLIENT_CERT_VERIFIED: certified, PRESENCE: self._presence}
        self._begin_exchange()

    def data_received(self, data: bytes) -> None:
        """Parse data in slices, so that the parser's limits hold between them."""
        if self.cycle is not None and not self._begun:
            self._set_deadline(REQUEST_TIMEOUT_S)
        self._begun = True
        for start in range(0, len(data), SLICE):
            if self._refused:
                break
            super().data_received(data[start : start + SLICE])
            if self.transport.is_closing():
                return
        if self.conn.awaits_request:  # the rest of a body has arrived after its response
            self._begun = False
        self._limiter.data_arrived(self)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's signature)
        """Answer a request that cannot be parsed, unless it has been answered, and close."""
        try:
            self.transport.write(self.conn.refusal())
        except h11.LocalProtocolError:
            self.abort()
        else:
            self._linger()
        if self.cycle is not None:
            self.cycle.disconnected = True

    def _linger(self) -> None:
        """Discard further data until the client closes the connection."""
        self._refused = True  # Closing with unread bytes would reset the connection, and lose the response.
        self._unset_keepalive_if_required()
        self._set_deadline(LINGER_SECONDS)
        self.flow.resume_reading()
        if self.transport.can_write_eof():  # not over TLS
            self.transport.write_eof()

    def on_response_complete(self) -> None:
        """Begin the next request and response on this connection."""
        self._begin_exchange()
        super().on_response_complete()
        # The client may have sent only part of the body, or already part of the next request.
        self._begun = not self.idle or self.cycle.more_body or bool(self.conn.trailing_data[0])
        if not self._begun:
            self._unset_keepalive_if_required()  # uvicorn's 5 seconds are for the rest of an answered request
            self._set_deadline(IDLE_TIMEOUT_S)
        self._limiter.data_arrived(self)
        if self.unsent:
            self._limiter.limit_unsent()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove a connection that is closed, and notify the code that waits for its end."""
        self._limiter.leave(self)
        if self._deadline:
            self._deadline.cancel()
        if not self._presence.lost.done():
            self._presence.lost.set_result(None)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once, without sending the rest of a response."""
        self._limiter.leave(self)
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.transport is not None:
            self.transport.abort()
        elif self._accepting is not None:
            self._accepting.cancel()

    def _begin_exchange(self) -> None:
        self._set_deadline(REQUEST_TIMEOUT_S)
        self._limiter.enter(self)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.abort)


class Server(uvicorn.Server):
    """uvicorn's server, except that it accepts connections without asyncio's servers."""

    def __init__(self, config: uvicorn.Config, context: ContextNow) -> None:
        super().__init__(config)
        self._context = context
        self._limiter = ConnectionLimiter()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections on `sockets`."""
        self.servers = []
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in sockets or []]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish requests in progress. Those that take too long are cancelled, then connections are closed.

        uvicorn alone does both too late, and logs an error for each request that it cancels.
        """
        for task in self._accepting:
            task.cancel()
        loop, timeout = asyncio.get_running_loop(), self.config.timeout_graceful_shutdown or 0
        timers = [
            loop.call_later(0.7 * timeout, self._cancel_requests),
            loop.call_later(0.8 * timeout, self._limiter.close),
        ]
        await super().shutdown(sockets)
        for timer in timers:
            timer.cancel()

    def _cancel_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        logged = False
        while True:
            try:
                client, peer = await loop.sock_accept(listener)
            except OSError as error:
                if not logged:
                    log.warning("cannot accept connections", problem=error.strerror or str(error))
                logged = True
                await asyncio.sleep(0.1)
                continue
            logged = False
            connection = Connection(
                self._limiter,
                client_network(peer[0] if isinstance(peer, tuple) else ""),  # "" for all of a Unix socket
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            )
            connection.accept(client, self._context())
            await asyncio.sleep(0)  # Yield, so that open connections are served during a connection flood.
