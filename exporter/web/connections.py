"""The connections: their number and duration are limited, so that no client keeps the scrape out.

uvicorn alone waits without limit for a request that has begun, and refuses new connections when it is full.
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

from exporter.web.http_parser import SLICE, Parser

log = structlog.get_logger()

MAX_CONNECTIONS = 256
"""Connections at a time. For one more, another is closed: see `Room`."""

MAX_UNFINISHED = 64
"""Connections on which part of a request has arrived. For one more, the one that began first is closed."""

HANDSHAKE_TIMEOUT_S = 10.0
"""How long a TLS handshake may take."""

REQUEST_TIMEOUT_S = 60.0
"""How long a client may take to ask, from its coming or its last answer on, and to have its answer made."""

LINGER_SECONDS = 5.0
"""How long what a client still sends is discarded, after its request could not be parsed and was answered."""

MAX_UNSENT_BYTES = 64 * 2**20
"""Answers that clients are slow to take; beyond, the slowest lose theirs."""

CLIENT_CERT_VERIFIED = "certified"
"""Where a request's state says whether its connection came with a client certificate that was verified."""

PRESENCE = "presence"
"""Where a request's state has the `Presence` of its client."""

ContextNow = Callable[[], ssl.SSLContext | None]
"""Returns what the next connection is encrypted with, or None without TLS."""


class Presence:
    """A connected client, as the application sees it."""

    def __init__(self, lost: "asyncio.Future[None]", hang_up: Callable[[], None]) -> None:
        self.lost = lost
        """Done as soon as the client has disconnected."""
        self.hang_up = hang_up
        """Closes the connection at once."""
        self.unproven = False
        """Whether the client waits for its password to be checked."""


class ConnectionLimiter:
    """All connections, in the order in which they were accepted or last answered.

    If there are too many, those are closed first that ask for something without having shown that they may:
    with part of a request, or with a password that is not checked yet. Next is the one that has been idle the
    longest, and last the one whose answer has taken the longest.
    """

    def __init__(self) -> None:
        self._connections: dict[Connection, None] = {}
        self._unfinished: dict[Connection, None] = {}

    def enter(self, connection: "Connection") -> None:
        """Take in one more, or one that has just been answered, as the latest."""
        self._connections.pop(connection, None)
        self._connections[connection] = None
        if len(self._connections) > MAX_CONNECTIONS:
            others = [each for each in self._connections if each is not connection]
            min(others, key=lambda each: each.standing).abort()

    def leave(self, connection: "Connection") -> None:
        self._connections.pop(connection, None)
        self._unfinished.pop(connection, None)

    def heard(self, connection: "Connection") -> None:
        """Note whether the request of a connection is finished, after bytes have arrived."""
        if not connection.unfinished:
            self._unfinished.pop(connection, None)
        elif connection in self._connections:
            self._unfinished.setdefault(connection)
            if len(self._unfinished) > MAX_UNFINISHED:
                next(iter(self._unfinished)).abort()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            connection.abort()

    def drop_slowest(self) -> None:
        """Close the connections that are slowest to take their answers, if these are too much in all."""
        unsent = {each: each.unsent for each in self._connections}
        too_much = sum(unsent.values()) - MAX_UNSENT_BYTES
        for connection, size in unsent.items():
            if too_much <= 0:
                break
            if size:
                connection.abort()
                too_much -= size


class Connection(H11Protocol):
    """One connection, from the moment that it is accepted."""

    def __init__(self, room: ConnectionLimiter, **uvicorn_s: Any) -> None:
        super().__init__(**uvicorn_s)
        self.conn: Parser = Parser(self.config.h11_max_incomplete_event_size or 0)
        self._room = room
        self._accepting: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False
        self._refused = False
        self._presence = Presence(self.loop.create_future(), self.abort)

    @property
    def idle(self) -> bool:
        """Whether no complete request waits for its answer."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def unfinished(self) -> bool:
        """Whether a part of a request has arrived, and the rest has not."""
        return self._begun and (self.idle or self.cycle.more_body)

    @property
    def standing(self) -> int:
        """Which connections are closed first if there are too many: those with the lowest standing."""
        if self.unfinished or self._presence.unproven:
            return 0
        return 1 if self.idle else 2

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport else 0

    def accept(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        """Shake hands with a client, and listen to it from then on."""
        self._room.enter(self)
        self._accepting = self.loop.create_task(self._accept(client, context))
        self._accepting.add_done_callback(lambda _: self._accepted(client))

    async def _accept(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            await self.loop.connect_accepted_socket(
                lambda: self,
                client,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if context else None,
            )
        except OSError as error:
            log.debug("a client has not arrived", problem=str(error))

    def _accepted(self, client: socket.socket) -> None:
        """Close what has become nothing. Apart, as a task that is cancelled at once never begins."""
        if self.transport is None:
            self._room.leave(self)
            client.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        certified = bool(transport.get_extra_info("peercert"))
        self.app_state = self.app_state | {CLIENT_CERT_VERIFIED: certified, PRESENCE: self._presence}
        self._begin_exchange()

    def data_received(self, data: bytes) -> None:
        self._begun = True
        for start in range(0, len(data), SLICE):
            if self._refused:
                break
            super().data_received(data[start : start + SLICE])
            if self.transport.is_closing():
                return
        if self.conn.awaits_request:  # the rest of a body has arrived after its answer
            self._begun = False
        self._room.heard(self)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's signature)
        """Answer a request that cannot be parsed, unless it has been answered already, and close."""
        try:
            self.transport.write(self.conn.refusal())
        except h11.LocalProtocolError:
            self.abort()
        else:
            self._linger()
        if self.cycle is not None:
            self.cycle.disconnected = True

    def _linger(self) -> None:
        """Discard what still arrives until the client closes the connection."""
        self._refused = True  # Closing with unread bytes would reset it, and lose the answer.
        self._unset_keepalive_if_required()
        self._set_deadline(LINGER_SECONDS)
        self.flow.resume_reading()
        if self.transport.can_write_eof():  # not over TLS
            self.transport.write_eof()

    def on_response_complete(self) -> None:
        self._begin_exchange()
        super().on_response_complete()
        # The client may have sent only a part of the body, or already a part of the next request.
        self._begun = not self.idle or self.cycle.more_body or bool(self.conn.trailing_data[0])
        self._room.heard(self)
        if self.unsent:
            self._room.drop_slowest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.leave(self)
        if self._deadline:
            self._deadline.cancel()
        if not self._presence.lost.done():
            self._presence.lost.set_result(None)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once, whatever is being sent."""
        self._room.leave(self)
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.transport is not None:
            self.transport.abort()
        elif self._accepting is not None:
            self._accepting.cancel()

    def _begin_exchange(self) -> None:
        self._set_deadline(REQUEST_TIMEOUT_S)
        self._room.enter(self)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.abort)


class Server(uvicorn.Server):
    """uvicorn's server, with connections that it accepts itself."""

    def __init__(self, config: uvicorn.Config, context: ContextNow) -> None:
        super().__init__(config)
        self._context = context
        self._room = ConnectionLimiter()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in sockets or []]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in progress. Requests that take too long are cancelled, then connections closed.

        uvicorn does neither in time, and logs an error for each request that it cancels.
        """
        for task in self._accepting:
            task.cancel()
        loop, patience = asyncio.get_running_loop(), self.config.timeout_graceful_shutdown or 0
        ends = [
            loop.call_later(0.7 * patience, self._cancel_requests),
            loop.call_later(0.8 * patience, self._room.close),
        ]
        await super().shutdown(sockets)
        for end in ends:
            end.cancel()

    def _cancel_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        told = False
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                if not told:
                    log.warning("clients cannot be let in", problem=error.strerror or str(error))
                told = True
                await asyncio.sleep(0.1)
                continue
            told = False
            connection = Connection(
                self._room,
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            )
            connection.accept(client, self._context())
            await asyncio.sleep(0)  # Who is connected has his turn, however many are waiting to be.
