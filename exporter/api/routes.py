"""Define the routes of the API under `/api/v1`."""

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from exporter.api.assets import Assets, LookUp
from exporter.api.calls import CallSearch
from exporter.api.openapi import description
from exporter.archive.store import Archive
from exporter.web.api_access import RequireAuthMiddleware


def api(archive: Archive | None, look_up: LookUp) -> BaseRoute:
    """Return the route of the API. It requires a credential, except for simulated calls.

    Args:
        archive: The archive to search; `None` if the API is disabled.
        look_up: Fetches a call from Aircall.
    """
    if archive is None:
        return Route("/api/v1/{path:path}", _disabled)
    return Mount(
        "/api/v1",
        routes=[
            Route("/calls", CallSearch(archive).answer),
            Route("/calls/{id}/{asset}", Assets(look_up).answer),
            Route("/openapi.json", description),
        ],
        middleware=[] if archive.simulated else [Middleware(RequireAuthMiddleware, "the calls API")],
    )


def _disabled(_: Request) -> Response:
    return PlainTextResponse("The calls API is not enabled, see --web.enable-api.\n", 403)
