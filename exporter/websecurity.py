"""What stands between a client and the pages: the certificate, the password, the headers."""

import asyncio
import base64
import hashlib
import secrets
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path

import bcrypt
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.guard import VISITOR
from exporter.webconfig import TlsError, TlsServer, tls_context

log = structlog.get_logger()


class FreshCertificate:
    """Serves the certificate that is in the files now: each handshake looks whether they have changed."""

    def __init__(self, tls: TlsServer) -> None:
        self._tls = tls
        self._seen = self._stamps()
        self.context = self._current = tls_context(tls)
        self.context.sni_callback = self._renew

    def _renew(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            try:
                self._current = tls_context(self._tls)
                log.info("the certificate is renewed", file=self._tls.cert_file)
            except TlsError as error:
                log.error(
                    "the new certificate cannot be used, the old one stays", key=error.key, problem=str(error)
                )
        connection.context = self._current

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        """What tells one content of the files from another; empty where one is missing."""
        files = (self._tls.cert_file, self._tls.key_file, self._tls.client_ca_file)
        try:
            found = [Path(file).stat() for file in files if file]
        except OSError:
            return ()
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


class BasicAuth:
    """Lets in who knows a password (HTTP Basic, RFC 7617), and anybody to the paths that are `public`.

    `users` are bcrypt hashes by name.
    """

    def __init__(self, app: ASGIApp, users: Mapping[str, str], public: Collection[str] = ()) -> None:
        self._app, self._public = app, public
        self._users = {name: hashed.encode() for name, hashed in users.items()}
        self._salt = secrets.token_bytes(16)
        self._costliest = max(self._users.values(), key=lambda hashed: hashed[4:6])
        self._let_in: dict[str, bytes] = {}
        # One at a time, and waiting outside the threads that answer scrapes: guessing cannot hold them up.
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._public:
            await self._app(scope, receive, send)
            return
        visitor = await self._visitor(Headers(scope=scope).get("authorization", ""))
        if visitor is not None:
            await self._app({**scope, VISITOR: visitor}, receive, send)
            return
        challenge = {"WWW-Authenticate": 'Basic realm="aircall-exporter"'}
        refusal = PlainTextResponse("Unauthorized\n", 401, challenge)
        await refusal(scope, receive, send)

    async def _visitor(self, authorization: str) -> str | None:
        """The name of who is asking; none where the password is not his."""
        given = _credentials(authorization)
        if given is None:
            return None
        name, password = given
        seen = hashlib.sha256(self._salt + password).digest()
        if secrets.compare_digest(self._let_in.get(name, b""), seen):
            return name
        hashed = self._users.get(
            name, self._costliest
        )  # a name that is not there takes as long as one that is
        async with self._one_at_a_time:
            right = await run_in_threadpool(bcrypt.checkpw, password, hashed)
        if not right or name not in self._users:
            return None
        self._let_in[name] = seen
        return name


class Certified:
    """Says of every request that a client certificate came with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, VISITOR: "a client certificate"}, receive, send)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password; none where the header is anything else. bcrypt reads 72 bytes of a password."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password.encode()[:72]) if colon else None


class ResponseHeaders:
    """Puts headers on every answer, those without a value left out."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = {name: value for name, value in headers.items() if value}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers)
