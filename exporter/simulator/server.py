"""Serve a simulated account with Aircall's HTTP API: authentication, rate limit and faults."""

import base64
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from types import TracebackType
from typing import Literal, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.api import AircallApi, Endpoint, not_found
from exporter.simulator.faults import Exchange, Fault
from exporter.simulator.loopback import LoopbackServer
from exporter.simulator.paging import ApiError, json_answer
from exporter.simulator.rate_limit import SpentRequests
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import Webhooks

_UNITS = {"seconds": 1, "milliseconds": 1000}


@dataclass(slots=True)
class LoggedRequest:
    """A request as it came in; `time` is UNIX seconds of the server's `clock`, `query` without the `?`."""

    time: float
    method: str
    path: str
    query: str
    status: int | None = None
    """None until the response is sent."""


@dataclass
class SimulatedAircall:
    """Serves `account` as https://api.aircall.io does, in a thread, between entering and leaving.

    All attributes may be changed while it serves. Entering raises OSError if the port is in use.
    """

    account: SimulatedAccount
    clock: Callable[[], float] = time.time
    """UNIX seconds. Each request first advances the account to this time."""
    rate_limit: int = 60
    """Maximum requests of the whole company in each minute of the clock."""
    port: int = 0
    """0 means any free port."""
    api_id: str = "demo"
    api_token: str = "demo-token"  # noqa: S105 opens nothing
    limit_headers: Literal["always", "on_429", "never"] = "always"
    reset_unit: Literal["seconds", "milliseconds"] = "seconds"
    reset_error: float = 0.0
    """Seconds by which the announced reset is later than the real one; negative if earlier."""
    clock_skew: float = 0.0
    """Seconds by which Aircall's clock, and all its timestamps, are ahead of `clock`."""
    date_error: float = 0.0
    """Seconds by which the `Date` header alone is later than that clock."""
    v2: bool = True
    """False for an older account, where /v2 is not found."""
    v1_users: bool = True
    """False if the first version of the users API is retired."""
    faults: list[Fault] = field(default_factory=list)
    """The first fault whose `match` accepts a request's path answers it."""
    requests: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=100_000))
    """The latest requests, oldest first, including unanswered ones. Iterate over a copy while it serves."""
    base_url: str = field(default="", init=False)
    """The URL after entering the context: `http://127.0.0.1:<port>`."""

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.account)
        self._api = AircallApi(self.account, self.webhooks)
        self._spent = SpentRequests()

    def spend(self, requests: int) -> None:
        """Use `requests` of this minute's limit, as other integrations of the company do."""
        self._spent.spend(self._now(), requests)

    @contextmanager
    def failing(self, *faults: Fault) -> Iterator[None]:
        """Add these faults to `faults` until the block is left."""
        self.faults.extend(faults)
        try:
            yield
        finally:
            self.faults[:] = [fault for fault in self.faults if fault not in faults]

    def __enter__(self) -> Self:
        self._server = LoopbackServer(self._app(), self.port)
        self._server.start()
        self.base_url = self._server.base_url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()

    def _now(self) -> float:
        return self.clock() + self.clock_skew

    def _app(self) -> Starlette:
        routes = [
            Route(path, self._served(endpoint), methods=[method])
            for method, path, endpoint in self._api.endpoints()
        ]
        nowhere = self._served(_not_found)
        return Starlette(
            routes=[*routes, Route("/{path:path}", nowhere, methods=["GET", "PUT", "POST", "DELETE"])]
        )

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            logged = LoggedRequest(self.clock(), request.method, request.url.path, request.url.query)
            self.requests.append(logged)
            self.account.advance(self._now())
            request.state.body = await request.body()
            response = self._refusal(request) or await self._within_limit(request, endpoint)
            response.headers["Date"] = formatdate(self._now() + self.date_error, usegmt=True)
            logged.status = response.status_code
            return response

        return serve

    def _refusal(self, request: Request) -> Response | None:
        given = request.headers.get("Authorization")
        if given is None:
            return json_answer({"message": "Unauthorized"}, 401)
        key = base64.b64encode(f"{self.api_id}:{self.api_token}".encode()).decode()
        return None if given == f"Basic {key}" else json_answer({"message": "Forbidden"}, 403)

    async def _within_limit(self, request: Request, endpoint: Endpoint) -> Response:
        spent = self._spent.spend(self._now())
        allowed = spent <= self.rate_limit
        reset = round((self._spent.reset + self.reset_error) * _UNITS[self.reset_unit])
        told = {
            "X-AircallApi-Limit": str(self.rate_limit),
            "X-AircallApi-Remaining": str(max(0, self.rate_limit - spent)),
            "X-AircallApi-Reset": str(reset),
        }
        if allowed:
            response = await self._respond_with_faults(request, endpoint)
        else:
            response = json_answer({"error": "Too Many Requests", "troubleshoot": "Wait for the reset"}, 429)
        if self.limit_headers == "always" or (self.limit_headers == "on_429" and not allowed):
            response.headers.update(told)
        return response

    async def _respond_with_faults(self, request: Request, endpoint: Endpoint) -> Response:
        exchange = Exchange(
            path=request.url.path,
            connection=self._server.connection_of(request.client),
            query=request.query_params,
            normal_response=lambda: self._respond_normally(request, endpoint),
            drop_connection=lambda: self._server.drop(request.client),
            is_stopping=lambda: self._server.should_exit,
        )
        for fault in list(self.faults):
            if fault.match(exchange.path):
                return await fault.respond(exchange)
        return exchange.normal_response()

    def _respond_normally(self, request: Request, endpoint: Endpoint) -> Response:
        with self.account.lock:
            self.account.advance(self._now())
            try:
                self._refuse_other_versions(request.url.path)
                return endpoint(request)
            except ApiError as error:
                return error.answer

    def _refuse_other_versions(self, path: str) -> None:
        if path.startswith("/v2/") and not self.v2:
            raise not_found(path)
        one_user = path.removeprefix("/v1/users/").isdigit()
        if (path == "/v1/users" or one_user) and not self.v1_users:
            raise ApiError(410, "Gone", "use /v2/users")


def _not_found(request: Request) -> Response:
    raise not_found(request.url.path)
