"""An HTTP server in a thread, on a socket that was bound before: a taken address is told at once."""

import socket
import threading
from collections.abc import Collection

import uvicorn
from starlette.types import ASGIApp

from exporter.webconfig import NO_WEB_CONFIG, WebConfig
from exporter.websecurity import BasicAuth, Certified, FreshCertificate, ResponseHeaders

STOP_SECONDS = 1
"""How long requests in progress are waited for when the server stops."""


class ListenError(Exception):
    """The address cannot be listened on."""


class AddressError(ListenError):
    """The address is none."""


def bind(address: str) -> socket.socket:
    """Listen on `address`, such as ``0.0.0.0:9979``, ``:9979`` or ``[::1]:0``. Raises ListenError."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdigit() or int(port) > 65535:
        raise AddressError(f"{address}: wanted an address such as 0.0.0.0:9979 or :9979")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ListenError(f"{address}: cannot listen there: {error.strerror or error}") from None
    return listener


class WebServer:
    """Serves an ASGI application on a bound socket until it is stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        config: WebConfig = NO_WEB_CONFIG,
        public: Collection[str] = (),
    ) -> None:
        """Serve `app` behind what `config` asks for: TLS, passwords but on `public` paths, headers."""
        self._listener = listener
        if config.basic_auth_users:
            app = BasicAuth(app, config.basic_auth_users, public)
        elif config.wants_certificates:
            app = Certified(app)
        if config.http_server_config.headers:
            app = ResponseHeaders(app, config.http_server_config.headers)
        tls = config.tls_server_config
        certificate = FreshCertificate(tls) if tls else None
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in progress, within a second."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS + 1)
        self._listener.close()
