"""An ASGI application served on a loopback port of this machine, in a thread."""

import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"


class LoopbackServer(uvicorn.Server):
    """Serves `app` from `start` to `stop`. Raises OSError where `port` (0: a free one) is taken."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
            )
        )
        # Named as TCP, unlike create_server does: else asyncio leaves Nagle's delay of 40 ms on.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((LOOPBACK, port))
        self._serving = threading.Event()
        self._thread = threading.Thread(
            target=self.run, args=([self._listener],), name="loopback", daemon=True
        )
        self.base_url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Serve; returns as soon as requests are answered."""
        self._thread.start()
        self._serving.wait()

    def stop(self) -> None:
        """End all connections and the thread, whatever requests are still unanswered."""
        self.should_exit = self.force_exit = True
        self._thread.join()

    def drop(self, client: object) -> None:
        """Close the connection of the client at this address, (host, port), at once."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == client:
                connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn starts up, and then tell the thread that waits in `start`."""
        await super().startup(sockets)
        self._serving.set()
