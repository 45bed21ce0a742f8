"""Authenticate requests by password or client certificate, and add the configured headers."""

import asyncio
import base64
from collections.abc import Callable, Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.config import WebConfig
from exporter.web.connections import CLIENT_CERT_VERIFIED, PRESENCE, Presence
from exporter.web.passwords import Passwords
from exporter.web.require_authentication import USER
from exporter.webhooks.receiver import SENDER_KNOWN

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

MAX_VALUE_CHARS = 2000
"""A header with a longer value is treated as absent, since the time to parse it would be too long."""

MAX_QUERY_PARAMETERS = 1000
"""Parameters in a query. Parsing this number takes two milliseconds."""

_STOPPING = "The exporter is stopping and has not finished this request.\n"

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="aircall-exporter"'}


class AuthMiddleware:
    """Rejects requests without the credential that the current web configuration requires.

    Paths that are `public` need no password. `origin` is that of pages behind a proxy, if it is known.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig],
        public: Collection[str] = (),
        origin: str | None = None,
    ) -> None:
        self._app, self._config, self._public, self._origin = app, config, public, origin
        self._passwords = Passwords()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an authenticated request, or reject it. Adds the configured headers to responses."""
        config, rejection = self._config(), _rejection(scope, Headers(scope=scope), self._origin)
        scope = {**scope, "headers": [each for each in scope["headers"] if len(each[1]) <= MAX_VALUE_CHARS]}
        presence: Presence = scope["state"][PRESENCE]
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                presence.authenticated = USER in scope or SENDER_KNOWN in scope["state"]
                presence.doubtful = message["status"] == 401
                MutableHeaders(scope=message).update(config.headers)
            await send(message)

        try:
            rejection = rejection or await self._authenticate(config, scope, Headers(scope=scope))
            await (rejection or self._app)(scope, receive, with_headers)
        except asyncio.CancelledError:  # the server stops and does not wait for this request any longer
            if started:
                presence.hang_up()
            else:
                await PlainTextResponse(_STOPPING, 503, {"Connection": "close"})(scope, receive, send)

    async def _authenticate(self, config: WebConfig, scope: Scope, headers: Headers) -> Response | None:
        """Store the user in the scope. Return the response that rejects the request, or `None`."""
        certified = scope["state"][CLIENT_CERT_VERIFIED]
        if config.requires_client_cert and not certified:  # the connection is older than this setting
            return PlainTextResponse("Client certificate required.\n", 403, {"Connection": "close"})
        if not config.users:
            if config.requires_client_cert:
                scope[USER] = "a client certificate"
            return None
        if scope["path"] in self._public:
            return None
        credentials = _credentials(headers.get("authorization", ""))
        if credentials is None or not await self._verify(config.users, *credentials, scope):
            return PlainTextResponse("Unauthorized\n", 401, _CHALLENGE)
        scope[USER], _ = credentials
        return None

    async def _verify(self, users: Mapping[str, str], name: str, password: bytes, scope: Scope) -> bool:
        presence: Presence = scope["state"][PRESENCE]
        address, _ = scope["client"] or ("", 0)
        presence.doubtful = True
        right = await self._passwords.right(users, name, password, address, presence.lost)
        presence.doubtful = not right
        presence.authenticated |= right
        return right


def _rejection(scope: Scope, headers: Headers, own_origin: str | None) -> Response | None:
    """Return the response to a request that is rejected with any credential, or `None`."""
    if "content-length" in headers and "transfer-encoding" in headers:  # a proxy may have used the other one
        problem = "Content-Length and Transfer-Encoding exclude each other.\n"
        return PlainTextResponse(problem, 400, {"Connection": "close"})
    if (parameters := scope["query_string"].count(b"&") + 1) > MAX_QUERY_PARAMETERS:
        found = f"found {parameters}, expected at most {MAX_QUERY_PARAMETERS}"
        return PlainTextResponse(f"The query has too many parameters: {found}.\n", 400)
    if scope["method"] not in SAFE_METHODS and is_cross_site(headers, own_origin):
        return PlainTextResponse("Cross-site request rejected.\n", 403)
    return None


def is_cross_site(headers: Mapping[str, str], own_origin: str | None = None) -> bool:
    """Return whether a page of another site made the browser send this request, with a stored password.

    A page is of this site if it has the host of the request, or `own_origin`: a proxy may change the host.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None or origin == own_origin:
        return False
    return origin.partition("://")[2] != headers.get("host")


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Return name and password, or `None` if the header is invalid. bcrypt uses 72 bytes of a password."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password.encode()[:72]) if colon else None
