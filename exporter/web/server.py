"""Run an HTTP server in a thread, on a socket that is bound before the thread starts."""

import errno
import socket
import threading
from collections.abc import Collection

import uvicorn
from starlette.types import ASGIApp

from exporter.addresses import is_host
from exporter.web.auth import AuthMiddleware
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.connections import Server
from exporter.web.http_parser import MAX_HEADER_BYTES

STOP_SECONDS = 1
"""Time that requests in progress have to finish when the server stops."""


BACKLOG = 1024
"""Connections that may wait to be accepted. Beyond it, connecting takes a second or more."""


NO_IPV6 = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT)
"""Errors on a machine without IPv6."""


class ListenError(Exception):
    """The server cannot listen on the address."""


class AddressError(ListenError):
    """The address is invalid."""


def bind(address: str) -> socket.socket:
    """Listen on `address`, such as ``0.0.0.0:9979``, ``:9979`` or ``[::1]:0``. Raises ListenError.

    Without a host, it listens on all IPv4 and IPv6 addresses of this machine.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535 or (host and not is_host(host)):
        raise AddressError(f"{address}: expected an address such as 0.0.0.0:9979 or :9979")
    try:
        if host:
            return _listening(socket.AF_INET6 if ":" in host else socket.AF_INET, host, int(port))
        try:
            return _listening(socket.AF_INET6, "::", int(port), both=True)
        except OSError as error:
            if error.errno not in NO_IPV6:
                raise
        return _listening(socket.AF_INET, "", int(port))
    except OSError as error:
        raise ListenError(f"{address}: cannot listen there: {error.strerror or error}") from None


def _listening(family: int, host: str, port: int, both: bool = False) -> socket.socket:
    # Without IPPROTO_TCP, asyncio does not disable Nagle's algorithm, which delays the body by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if both:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def shown(listener: socket.socket) -> str:
    """Return the address of a listener as ``host:port``, with IPv6 hosts in brackets."""
    host, port, *_ = listener.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class WebServer:
    """Serves an ASGI application on a bound socket until it is stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        web: WebConfigReloader | None = None,
        public: Collection[str] = (),
    ) -> None:
        """Serve `app` with the TLS, passwords and headers of `web`; `public` paths need no password."""
        web = web or WebConfigReloader()
        self._listener = listener
        config = uvicorn.Config(
            AuthMiddleware(app, lambda: web.config, public),
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
            target=self._server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
        )

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return int(self._listener.getsockname()[1])

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
        self._listener.close()
