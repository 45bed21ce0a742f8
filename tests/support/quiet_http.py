"""Serve HTTP on a free port in a thread, without a log line for each request."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet:
    """A handler's base that logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


def serving(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Return a server that runs on a loopback port until it is shut down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
