"""A server that accepts pushes as Grafana Live does, and records them."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Value = str | float | None

_FIELD = r'[a-z_]+=(?:"(?:[^\f\r\n\\"]|\\[\\"])*"|-?[0-9]+(?:\.[0-9]+)?)'
_LINE = re.compile(rf"(?P<name>[a-z_]+) (?P<fields>{_FIELD}(?:,{_FIELD})*) (?P<time>[0-9]{{19}})")
"""A line, by the grammar of Grafana's parser. In texts, only the backslash and quotes are escaped."""


class Row(NamedTuple):
    """A row of a measurement. The time is in milliseconds, as in Grafana's panels."""

    name: str
    time: int
    fields: dict[str, Value]


class Push(NamedTuple):
    """A request that was accepted, and when it arrived (seconds of `time.monotonic`)."""

    at: float
    rows: tuple[Row, ...]
    user_agent: str

    @property
    def callers(self) -> list[Value]:
        """The callers in the slots that are occupied."""
        return [row.fields["caller"] for row in self.rows if row.fields.get("caller")]

    @property
    def totals(self) -> dict[str, Value]:
        """The fields of the summary."""
        return next(row.fields for row in self.rows if row.name == "queue_summary")

    def column(self, field: str) -> list[Value]:
        """Return a field of all slots."""
        return [row.fields[field] for row in self.rows if row.name == "queue"]


def parsed(body: str) -> tuple[Row, ...]:
    """Return the rows of a push. Raises ValueError if Grafana would not accept it."""
    return tuple(_row(line) for line in body.removesuffix("\n").split("\n"))


def _row(line: str) -> Row:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(line)
    pairs = (field.split("=", 1) for field in re.findall(_FIELD, match["fields"]))
    return Row(match["name"], int(match["time"]) // 1_000_000, {key: _value(text) for key, text in pairs})


def _value(text: str) -> Value:
    if not text.startswith('"'):
        return float(text)
    value = re.sub(r'\\([\\"])', r"\1", text[1:-1])
    return None if value == "NaN" else value


class FakeGrafana:
    """Accepts pushes with one of `tokens`. A status other than 200 makes it refuse all."""

    def __init__(self, *tokens: str, port: int = 0) -> None:
        self.tokens = set(tokens)
        self.status = 200
        self.stream = "aircall"
        self.drops = False
        """Whether only the first request of each connection is answered."""
        self.pushes: list[Push] = []
        self.refused: list[float] = []
        """When requests were refused."""
        self.connections: list[socket.socket] = []
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                grafana.connections.append(self.connection)

            answered = False

            def do_POST(self) -> None:
                if grafana.drops and self.answered:
                    self.close_connection = True
                    return
                self.answered = True
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = grafana.receive(self.path, self.headers["Authorization"], body, self.headers)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def receive(self, path: str, authorization: str, body: str, headers: object) -> int:
        """Record a push, unless it is refused. Returns the status of the response."""
        now = time.monotonic()
        status = self.status
        if path != f"/api/live/push/{self.stream}":
            status = 404
        elif authorization not in {f"Bearer {token}" for token in self.tokens}:
            status = 401
        if status != 200:
            self.refused.append(now)
            return status
        try:
            rows = parsed(body)
        except ValueError:
            return 500
        self.pushes.append(Push(now, rows, headers["User-Agent"]))  # type: ignore[index]
        return 200

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with suppress(OSError):  # closed by the client
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def fake_grafana(*tokens: str, port: int = 0) -> Iterator[FakeGrafana]:
    """Run a Grafana until the block is left."""
    grafana = FakeGrafana(*tokens, port=port)
    try:
        yield grafana
    finally:
        grafana.close()
