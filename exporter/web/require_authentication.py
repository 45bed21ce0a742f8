"""Middleware that rejects unauthenticated requests to protected routes."""

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.problems import problem

USER = "visitor"
"""Key in a request's scope: the name of the authenticated user."""


class RequireAuthMiddleware:
    """Rejects clients without a credential, even if other paths need none.

    Middleware for a route or a mount. `what` names the protected part in the error, such as "the calls API".
    """

    def __init__(self, app: ASGIApp, what: str) -> None:
        self._app, self._what = app, what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with a user, or reject it."""
        if scope["type"] != "http" or USER in scope:
            await self._app(scope, receive, send)
            return
        rejection = problem(403, f"{self._what} needs a password: set basic_auth_users in --web.config.file")
        await rejection(scope, receive, send)
