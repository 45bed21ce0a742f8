"""Run an HTTP server in a thread, on sockets that listen before the thread starts."""

import socket
import threading
from collections.abc import Collection, Sequence

import uvicorn
from starlette.types import ASGIApp

from exporter.web.auth import AuthMiddleware
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.connections import Server
from exporter.web.http_parser import MAX_HEADER_BYTES
from exporter.web.listeners import close_all

STOP_SECONDS = 1
"""Time that requests in progress have to finish when the server stops."""


class WebServer:
    """Serves an ASGI application on sockets that listen, until it is stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listeners: Sequence[socket.socket],
        web: WebConfigReloader | None = None,
        public: Collection[str] = (),
        origin: str | None = None,
    ) -> None:
        """Serve `app` with the TLS, passwords and headers of `web`.

        `public` paths need no password. `origin` is that of pages behind a proxy, if it is known.
        """
        web = web or WebConfigReloader()
        self._listeners = listeners
        config = uvicorn.Config(
            AuthMiddleware(app, lambda: web.config, public, origin),
            http="h11",
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = Server(config, lambda: web.context)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": list(listeners)}, name="web", daemon=True
        )

    @property
    def port(self) -> int:
        """The port on which the server listens; of several addresses, that of the first one."""
        return int(self._listeners[0].getsockname()[1])

    @property
    def running(self) -> bool:
        """Whether the thread has been started and has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the server's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish requests in progress, within a second."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS + 1)
        close_all(self._listeners)
