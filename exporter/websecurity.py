"""What stands between a client and the pages: the certificate, the password, the headers."""

import base64
import binascii
import hashlib
import secrets
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

import bcrypt
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.webconfig import TlsServer, tls_context

log = structlog.get_logger()

NOBODY = b"$2b$10$abcdefghijklmnopqrstuuPZc0pzRVGDUJ2r0ZDIFPE1v8KHtBJ6C"
"""A hash that no password has: checking it makes an unknown user take as long as a known one."""


class FreshCertificate:
    """Serves the certificate that is in the files now: each handshake looks whether they have changed."""

    def __init__(self, tls: TlsServer) -> None:
        self._tls = tls
        self._seen = self._stamps()
        self._current = tls_context(tls)
        self.context = tls_context(tls)
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            try:
                self._current = tls_context(self._tls)
                log.info("the certificate is renewed", file=self._tls.cert_file)
            except (OSError, ssl.SSLError) as error:
                log.error("the new certificate cannot be used, the old one stays", problem=str(error))
        connection.context = self._current

    def _stamps(self) -> tuple[int, ...]:
        files = (self._tls.cert_file, self._tls.key_file, self._tls.client_ca_file)
        try:
            return tuple(Path(file).stat().st_mtime_ns for file in files if file)
        except OSError:
            return ()


class BasicAuth:
    """Lets in who knows a password (HTTP Basic, RFC 7617). `users` are bcrypt hashes by name."""

    def __init__(self, app: ASGIApp, users: Mapping[str, str]) -> None:
        self._app = app
        self._users = {name: hashed.encode() for name, hashed in users.items()}
        self._salt = secrets.token_bytes(16)
        self._let_in: set[bytes] = set()
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or await self._allowed(Headers(scope=scope).get("authorization", "")):
            await self._app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": 'Basic realm="aircall-exporter"'}
        refusal = PlainTextResponse("Unauthorized\n", 401, challenge)
        await refusal(scope, receive, send)

    async def _allowed(self, authorization: str) -> bool:
        seen = hashlib.sha256(self._salt + authorization.encode()).digest()
        return seen in self._let_in or await run_in_threadpool(self._check, authorization, seen)

    def _check(self, authorization: str, seen: bytes) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        hashed = self._users.get(name, NOBODY)
        with self._lock:  # one at a time: guessing must not take the scrape's share of the processor
            right = bcrypt.checkpw(password.encode()[:72], hashed)
        if scheme.lower() != "basic" or not right or name not in self._users:
            return False
        self._let_in.add(seen)
        return True


class ResponseHeaders:
    """Puts headers on every answer."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers)
