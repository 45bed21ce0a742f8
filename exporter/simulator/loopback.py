"""Serve an ASGI application on a loopback port, in a thread."""

import asyncio
import socket
import struct
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"


class LoopbackServer(uvicorn.Server):
    """Serves `app` from `start` to `stop`. Raises OSError if `port` is in use; 0 is any free port.

    Unlike uvicorn itself, it stops within milliseconds, so that each test can have its own.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
            )
        )
        # Without IPPROTO_TCP, asyncio does not disable Nagle's algorithm, which delays the body by 40 ms.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((LOOPBACK, port))
        except OSError:
            self._listener.close()
            raise
        self.base_url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(
            target=self.run, args=([self._listener],), name="loopback", daemon=True
        )
        self._serving = threading.Event()

    def start(self) -> None:
        """Start to serve, and return as soon as requests are answered."""
        self._thread.start()
        self._serving.wait()

    def stop(self) -> None:
        """Close all connections, even with unanswered requests, and end the thread."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    def connection_of(self, client: object) -> H11Protocol | None:
        """Return the connection of the client at this address (host, port), or None if it is closed.

        A later connection may have the same address, but it is another object.
        """
        found = (each for each in list(self.server_state.connections) if isinstance(each, H11Protocol))
        return next((each for each in found if each.client == client), None)

    def drop(self, client: object) -> None:
        """Reset the connection of the client at this address (host, port)."""
        if connection := self.connection_of(client):
            peer = connection.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start up, and wake the thread that waits in `start`."""
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self._serving.set()

    async def main_loop(self) -> None:
        """Wait to be stopped."""
        await self._leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, close all connections, and wait briefly for requests to end."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol):
                connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1)
