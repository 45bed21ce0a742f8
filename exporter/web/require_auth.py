"""Who is asking, and the door to what nobody sees or changes without having said who he is."""

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.api.answers import problem

USER = "visitor"
"""Where a request's scope has the name of who is asking, once a password or a certificate has shown it."""


class RequireAuthMiddleware:
    """Lets in whoever has shown a credential, also where the rest of the web side asks for none.

    Middleware for a route or a mount; `what` is what lies behind, such as "the calls API".
    """

    def __init__(self, app: ASGIApp, what: str) -> None:
        self._app, self._what = app, what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or USER in scope:
            await self._app(scope, receive, send)
            return
        refusal = problem(403, f"{self._what} needs a password: set basic_auth_users in --web.config.file")
        await refusal(scope, receive, send)
