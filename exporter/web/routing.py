"""Route requests without redirects to the `Host` header, which comes from the client."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Router


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
