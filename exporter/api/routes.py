"""Define the routes of the API under `/api/v1`."""

from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from exporter.api.call_backs import CallBackSearch
from exporter.api.calls import CallSearch
from exporter.api.journey import JourneySearch
from exporter.api.openapi import description
from exporter.api.recordings import Assets, LookUp
from exporter.api.report import Reports
from exporter.api.searches import Searches
from exporter.archive.store import Archive
from exporter.config.settings import Settings
from exporter.web.paths import AT_ROOT, Paths
from exporter.web.require_authentication import RequireAuthMiddleware
from exporter.web.routing import router


def api(
    archive: Archive | None,
    look_up: LookUp,
    settings: Callable[[], Settings] = Settings,
    paths: Paths = AT_ROOT,
) -> BaseRoute:
    """Return the route of the API. It requires a credential, except for simulated calls.

    Args:
        archive: The archive to search; `None` if the API is disabled.
        look_up: Fetches a call from Aircall.
        settings: Returns the settings in force.
        paths: Where the pages are.
    """
    if archive is None:
        return Route("/api/v1/{path:path}", _disabled)
    searches = Searches()
    return Mount(
        "/api/v1",
        router(
            [
                Route("/calls", CallSearch(archive, searches, paths.link_prefix).answer),
                Route("/calls/{id}", JourneySearch(archive, searches).answer),
                Route("/calls/{id}/{asset}", Assets(look_up).answer),
                Route("/call-backs", CallBackSearch(archive, searches).answer),
                Route("/report", Reports(archive, searches, settings).answer),
                Route("/openapi.json", description(paths.base_url)),
            ]
        ),
        middleware=[] if archive.simulated else [Middleware(RequireAuthMiddleware, "the calls API")],
    )


def _disabled(_: Request) -> Response:
    return PlainTextResponse("The calls API is not enabled, see --web.enable-api.\n", 403)
