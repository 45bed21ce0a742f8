"""Serve changes of availability: `POST /api/v1/users/{id}/availability`, and a page with a form.

Both require a credential. Browsers add a stored password to any request, also to one from another site. So
the API accepts only a content type that no form can send, and the page accepts only its own forms.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.account.board import UserRow
from exporter.admin.page import HEADERS, switch_page
from exporter.api.availability import SWITCH_PATH, AvailabilityRequest, SwitchedUser
from exporter.api.openapi import description
from exporter.polling.on_demand import ON_DEMAND_ERRORS, TooManyRequestsError, to_http_error
from exporter.polling.switch_availability import (
    AutoStatusError,
    SwitchError,
    SwitchResult,
    Target,
    UnknownUserError,
)
from exporter.runtime.service import Service
from exporter.web.paths import Paths
from exporter.web.problems import json_answer, problem
from exporter.web.require_authentication import USER, RequireAuthMiddleware

log = structlog.get_logger()


class _Id(Convertor[int]):
    """An id in a path, of at most 19 digits."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _Id())
_PAGE = "/users/{id:id}"
_API = SWITCH_PATH.replace("{id}", "{id:id}")

MAX_BODY_BYTES = 4096
"""Maximum bytes of a request's body."""


def admin_routes(service: Service, enabled: bool, paths: Paths) -> list[Route]:
    """Return the routes of the admin API and its page."""
    if not enabled:
        return [Route(path, _disabled, methods=["GET", "POST"]) for path in (_PAGE, _API)]
    endpoints = _AdminEndpoints(service)

    def protected(path: str, endpoint: Callable[[Request], object], method: str = "GET") -> Route:
        middleware = [Middleware(RequireAuthMiddleware, "the admin API")]
        return Route(path, endpoint, methods=[method], middleware=middleware, max_body_size=MAX_BODY_BYTES)

    return [
        protected(_PAGE, endpoints.page),
        protected(_PAGE, endpoints.form, "POST"),
        protected(_API, endpoints.api, "POST"),
        protected("/api/v1/openapi.json", description(paths.base_url)),
    ]


class _AdminEndpoints:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._key = secrets.token_bytes(32)

    async def api(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return problem(415, "expected Content-Type: application/json")
        try:
            target = msgspec.json.decode(await request.body(), type=AvailabilityRequest).availability
        except ValueError:
            return problem(400, 'expected {"availability": "available"}, "unavailable" or "toggle"')
        try:
            switched = await self._switch(request, None if target == "toggle" else target)
        except (SwitchError, *ON_DEMAND_ERRORS) as error:
            return problem(*_refusal(error))
        user = switched.user
        answer = SwitchedUser(user.id, user.label, user.availability_status or "", switched.before)
        return json_answer(msgspec.json.encode(answer))

    def page(self, request: Request) -> Response:
        return self._shown(request)

    async def form(self, request: Request) -> Response:
        try:
            fields = parse_qs((await request.body()).decode())
            (token,), (availability,) = fields["token"], fields["availability"]
            target = msgspec.convert(availability, Target)
        except (KeyError, ValueError):
            return self._shown(request, 400, "This form was not filled in here.")
        if not hmac.compare_digest(token.encode(), self._token(request)):
            return self._shown(request, 403, "Nothing is changed: this form is old, or another site's.")
        try:
            switched = await self._switch(request, target)
        except (SwitchError, *ON_DEMAND_ERRORS) as error:
            code, why = _refusal(error)
            return self._shown(request, code, f"{why[0].upper()}{why[1:]}.")
        when = "now" if switched.changed else "already"
        message = f"{switched.user.label} is {switched.user.availability_status} {when}."
        return self._shown(request, 200, message)

    async def _switch(self, request: Request, target: Target | None) -> SwitchResult:
        user_id, who = request.path_params["id"], request.scope[USER]
        try:
            switched = await run_in_threadpool(self._service.requests.switch, user_id, target)
        except (SwitchError, *ON_DEMAND_ERRORS) as error:
            if not isinstance(error, TooManyRequestsError):  # clients that flood must not flood the log
                why = _refusal(error)[1]
                log.warning(
                    "a user is not switched", who=who, user_id=user_id, requested=target or "toggle", why=why
                )
            raise
        status = switched.user.availability_status
        log.info(
            "a user is switched",
            who=who,
            user_id=user_id,
            user=switched.user.label,
            before=switched.before,
            now=status,
        )
        return switched

    def _shown(self, request: Request, code: int = 200, message: str = "") -> Response:
        row = self._row(request.path_params["id"])
        if row is None:
            return PlainTextResponse("Nobody on the board has this id.\n", 404, HEADERS)
        return HTMLResponse(switch_page(row, self._token(request).decode(), message), code, HEADERS)

    def _row(self, user_id: int) -> UserRow | None:
        return next((row for row in self._service.latest.board.users if row.user.id == str(user_id)), None)

    def _token(self, request: Request) -> bytes:
        """Return the token that only our own page can put into a form, for this client and this user."""
        about = f"{request.path_params['id']} {request.scope[USER]}".encode()
        return hmac.new(self._key, about, hashlib.sha256).hexdigest().encode()


def _refusal(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the reason."""
    if isinstance(error, SwitchError):
        codes: dict[type[SwitchError], int] = {UnknownUserError: 404, AutoStatusError: 409}
        return codes.get(type(error), 502), str(error)
    if isinstance(error, TimeoutError):
        return 504, "Aircall did not answer in time: check whether the user is switched"
    return to_http_error(error)


def _disabled(_: Request) -> Response:
    return PlainTextResponse("The admin API is not enabled, see --web.enable-admin-api.\n", 403)
