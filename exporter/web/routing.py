"""Route requests below a prefix, without redirects to the `Host` header, which comes from the client."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router


def application(routes: Sequence[BaseRoute], max_body_size: int | None = None) -> Starlette:
    """Return an application of these routes.

    Args:
        routes: The routes.
        max_body_size: Bytes of a request's body, unless a route has its own limit; `None` for no limit.
    """
    app = Starlette(routes=routes, max_body_size=max_body_size)
    app.router.redirect_slashes = False
    return app


def router(routes: Sequence[BaseRoute]) -> Router:
    """Return a router of these routes, to mount at a path of an application."""
    return Router(routes, redirect_slashes=False)


def below(prefix: str, routes: Sequence[BaseRoute]) -> Sequence[BaseRoute]:
    """Return these routes below a prefix, which may be empty."""
    return [Mount(prefix, router(routes))] if prefix else routes


def redirects_to(prefix: str) -> list[BaseRoute]:
    """Return redirects to the landing page below a prefix: from `/`, and from the prefix without a slash.

    They are relative, so they lead to the right page if a proxy has removed a part of the path.
    """
    if not prefix:
        return []
    return [_redirect("/", f"{prefix[1:]}/"), _redirect(prefix, f"{prefix.rpartition('/')[2]}/")]


def _redirect(path: str, target: str) -> Route:
    def redirect(_: Request) -> Response:
        return RedirectResponse(target, 302)

    return Route(path, redirect)
