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

from exporter.web.parsing import SLICE, Parser

log = structlog.get_logger()

MOST = 256
"""Connections at a time. For one more, another is closed: see `Room`."""

MOST_UNFINISHED = 64
"""Connections on which part of a request has arrived. For one more, the one that began first is closed."""

HANDSHAKE_SECONDS = 10.0
"""How long a TLS handshake may take."""

EXCHANGE_SECONDS = 60.0
"""How long a client may take to ask, from its coming or its last answer on, and to have its answer made."""

LINGER_SECONDS = 5.0
"""How long what a client still sends is discarded, after its request could not be parsed and was answered."""

UNSENT_BYTES = 64 * 2**20
"""Answers that clients are slow to take; beyond, the slowest lose theirs."""

CERTIFIED = "certified"
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


class Room:
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
        if len(self._connections) > MOST:
            others = [each for each in self._connections if each is not connection]
            min(others, key=lambda each: each.standing).hang_up()

    def leave(self, connection: "Connection") -> None:
        self._connections.pop(connection, None)
        self._unfinished.pop(connection, None)

    def heard(self, connection: "Connection") -> None:
        """Note whether the request of a connection is finished, after bytes have arrived."""
        if not connection.unfinished:
            self._unfinished.pop(connection, None)
        elif connection in self._connections:
            self._unfinished.setdefault(connection)
            if len(self._unfinished) > MOST_UNFINISHED:
                next(iter(self._unfinished)).hang_up()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            connection.hang_up()

    def shed(self) -> None:
        """Close the connections that are slowest to take their answers, if these are too much in all."""
        unsent = {each: each.unsent for each in self._connections}
        too_much = sum(unsent.values()) - UNSENT_BYTES
        for connection, size in unsent.items():
            if too_much <= 0:
                break
            if size:
                connection.hang_up()
                too_much -= size


class Connection(H11Protocol):
    """One connection, from the moment that it is accepted."""

    def __init__(self, room: Room, **uvicorn_s: Any) -> None:
        super().__init__(**uvicorn_s)
        self.conn: Parser = Parser(self.config.h11_max_incomplete_event_size or 0)
        self._room = room
        self._arriving: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False
        self._refused = False
        self._presence = Presence(self.loop.create_future(), self.hang_up)

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

    def arrive(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        """Shake hands with a client, and listen to it from then on."""
        self._room.enter(self)
        self._arriving = self.loop.create_task(self._arrive(client, context))
        self._arriving.add_done_callback(lambda _: self._arrived(client))

    async def _arrive(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            await self.loop.connect_accepted_socket(
                lambda: self,
                client,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
            )
        except OSError as error:
            log.debug("a client has not arrived", problem=str(error))

    def _arrived(self, client: socket.socket) -> None:
        """Close what has become nothing. Apart, as a task that is cancelled at once never begins."""
        if self.transport is None:
            self._room.leave(self)
            client.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        certified = bool(transport.get_extra_info("peercert"))
        self.app_state = self.app_state | {CERTIFIED: certified, PRESENCE: self._presence}
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
            self.hang_up()
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
            self._room.shed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.leave(self)
        if self._deadline:
            self._deadline.cancel()
        if not self._presence.lost.done():
            self._presence.lost.set_result(None)
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Close the connection at once, whatever is being sent."""
        self._room.leave(self)
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.transport is not None:
            self.transport.abort()
        elif self._arriving is not None:
            self._arriving.cancel()

    def _begin_exchange(self) -> None:
        self._set_deadline(EXCHANGE_SECONDS)
        self._room.enter(self)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.hang_up)


class Server(uvicorn.Server):
    """uvicorn's server, with connections that it accepts itself."""

    def __init__(self, config: uvicorn.Config, context: ContextNow) -> None:
        super().__init__(config)
        self._context = context
        self._room = Room()

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
            connection.arrive(client, self._context())
            await asyncio.sleep(0)  # Who is connected has his turn, however many are waiting to be.
