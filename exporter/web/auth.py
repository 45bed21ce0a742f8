"""What stands between a client and the pages: the password, the certificate, the headers."""

import asyncio
import base64
from collections.abc import Callable, Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.config import WebConfig
from exporter.web.connections import CLIENT_CERT_VERIFIED, PRESENCE, Presence
from exporter.web.passwords import Passwords
from exporter.web.require_auth import USER

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_STOPPING = "The exporter is stopping and has not finished this request.\n"

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="aircall-exporter"'}


class AuthMiddleware:
    """Finds out who is asking, and lets in whom the web configuration of this moment lets in.

    Anybody may see the paths that are `public`.
    """

    def __init__(self, app: ASGIApp, config: Callable[[], WebConfig], public: Collection[str] = ()) -> None:
        self._app, self._config, self._public = app, config, public
        self._passwords = Passwords()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        config, headers = self._config(), Headers(scope=scope)
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(config.headers)
            await send(message)

        try:
            refusal = _problem(scope, headers) or await self._authenticate(config, scope, headers)
            await (refusal or self._app)(scope, receive, with_headers)
        except asyncio.CancelledError:  # the server stops, and has waited for this request
            if started:
                scope["state"][PRESENCE].hang_up()
            else:
                await PlainTextResponse(_STOPPING, 503, {"Connection": "close"})(scope, receive, send)

    async def _authenticate(self, config: WebConfig, scope: Scope, headers: Headers) -> Response | None:
        """Note who is asking; gives the refusal for whoever may not."""
        certified = scope["state"][CLIENT_CERT_VERIFIED]
        if config.requires_client_cert and not certified:  # it is connected since before that was wanted
            return PlainTextResponse("A client certificate is wanted.\n", 403, {"Connection": "close"})
        if not config.users:
            if config.requires_client_cert:
                scope[USER] = "a client certificate"
            return None
        if scope["path"] in self._public:
            return None
        given = _credentials(headers.get("authorization", ""))
        if given is None or not await self._right(config.users, *given, scope):
            return PlainTextResponse("Unauthorized\n", 401, _CHALLENGE)
        scope[USER], _ = given
        return None

    async def _right(self, users: Mapping[str, str], name: str, password: bytes, scope: Scope) -> bool:
        presence: Presence = scope["state"][PRESENCE]
        address, _ = scope["client"] or ("", 0)
        presence.unproven = True
        try:
            return await self._passwords.right(users, name, password, address, presence.lost)
        finally:
            presence.unproven = False


def _problem(scope: Scope, headers: Headers) -> Response | None:
    """The refusal of a request that nobody may make."""
    if "content-length" in headers and "transfer-encoding" in headers:  # who is right, a proxy or we?
        problem = "Content-Length and Transfer-Encoding exclude each other.\n"
        return PlainTextResponse(problem, 400, {"Connection": "close"})
    if scope["method"] not in SAFE_METHODS and is_cross_site(headers):
        return PlainTextResponse("Another site's page may not do that.\n", 403)
    return None


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks this for a page of somebody else's: it would send the password along."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


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
