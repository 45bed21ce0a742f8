"""What is served over HTTP, on the paths that Prometheus users expect."""

from collections.abc import Callable, Mapping

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.admin.routes import admin_routes
from exporter.api.routes import api
from exporter.archive.store import Archive
from exporter.config_file import ConfigError
from exporter.runtime import Service
from exporter.web.landing import landing_page
from exporter.webhooks.receiver import webhook

log = structlog.get_logger()

Reload = Callable[[], tuple[str, ...]]
"""Reads the configuration again and puts it in force. Returns the changed keys that need a restart. Raises
ConfigError."""


PUBLIC = ("/metrics", "/-/healthy", "/-/ready")
"""What --web.public-metrics opens to anybody."""


MAX_BODY_BYTES = 64 * 2**10
"""Bytes of a request's body, where a route does not say otherwise."""


def create_app(
    service: Service, reload: Reload | None, searched: Archive | None = None, admin: bool = False
) -> Starlette:
    """The exporter's pages; `reload` and `searched` are none where their APIs are not enabled, `admin` says
    whether that one is."""

    async def metrics(request: Request) -> Response:
        # A millisecond of work: a thread of its own would cost more, and memory besides.
        zipped = accepts_gzip(request.headers)
        body, content_type = service.exposition.expose(request.headers.get("accept", ""), zipped)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    def landing(_: Request) -> Response:
        return HTMLResponse(
            landing_page(service.latest, service.problems, service.clock(), service.standby_reason)
        )

    def healthy(_: Request) -> Response:
        if problems := service.problems:
            return PlainTextResponse(f"Not healthy: {'; '.join(problems)}.\n", 503)
        return PlainTextResponse("aircall-exporter is healthy.\n")

    def ready(_: Request) -> Response:
        if why := service.standby_reason:
            return PlainTextResponse(f"Not ready, standing by: {why}.\n", 503)
        missing = service.latest.missing
        if missing:
            return PlainTextResponse(f"Not ready, not read yet: {', '.join(missing)}.\n", 503)
        return PlainTextResponse("aircall-exporter is ready.\n")

    def refresh(_: Request) -> Response:
        if why := service.standby_reason:
            return PlainTextResponse(f"Nothing is read, standing by: {why}.\n", 503)
        service.refresh()
        return PlainTextResponse("Users, teams, numbers and assignments are being read again.\n")

    def reloading(_: Request) -> Response:
        if reload is None:
            return PlainTextResponse("Lifecycle API is not enabled, see --web.enable-lifecycle.\n", 403)
        try:
            need_restart = reload()
        except ConfigError as error:
            log.error("the configuration is not reloaded", problem=str(error))
            return PlainTextResponse(f"failed to reload the configuration: {error}\n", 500)
        if need_restart:
            exception = f"Not in force before a restart: {', '.join(need_restart)}."
            return PlainTextResponse(f"The configuration is reloaded. {exception}\n")
        return PlainTextResponse("The configuration is reloaded.\n")

    events = webhook(service.inbox, lambda: service.standby_reason)
    app = Starlette(
        routes=[
            Route("/", landing),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            Route("/-/refresh", refresh, methods=["POST"]),
            Route("/-/reload", reloading, methods=["POST"]),
            *admin_routes(service, admin),
            api(searched, service.call),
            *([] if service.latest.board.settings.webhook.listen_address else [events]),
        ],
        max_body_size=MAX_BODY_BYTES,
    )
    app.router.redirect_slashes = False  # to wherever the client's Host header says
    return app


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the client takes gzip; one that says `q=0` does not."""
    for coding in headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = coding.strip().partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
