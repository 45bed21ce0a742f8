"""Create the HTTP application, with the paths that Prometheus users expect."""

from collections.abc import Callable, Mapping

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.admin.routes import admin_routes
from exporter.api.routes import api
from exporter.archive.store import Archive
from exporter.config.yaml_file import ConfigError
from exporter.metrics.groups import PARAMETER, UnknownGroupError, selected_groups
from exporter.runtime.service import Service
from exporter.web.landing import landing_page
from exporter.web.paths import AT_ROOT, Paths
from exporter.web.routing import application, below, redirects_to
from exporter.webhooks.receiver import webhook

log = structlog.get_logger()

Reload = Callable[[], tuple[str, ...]]
"""Reads the configuration again and puts it in force. Returns the changed keys that need a restart. Raises
ConfigError."""


MAX_BODY_BYTES = 64 * 2**10
"""Bytes of a request's body, unless a route has its own limit."""


def create_app(
    service: Service,
    reload: Reload | None,
    searched: Archive | None = None,
    admin: bool = False,
    paths: Paths = AT_ROOT,
) -> Starlette:
    """Return the exporter's application.

    Args:
        service: The running exporter.
        reload: Reloads the configuration; `None` if the lifecycle API is disabled.
        searched: The archive to search; `None` if the calls API is disabled.
        admin: Whether the admin API is enabled.
        paths: Where the pages are.
    """

    async def metrics(request: Request) -> Response:
        # Runs on the event loop: it takes a millisecond, less than a thread would cost.
        zipped = accepts_gzip(request.headers)
        try:
            groups = selected_groups(request.query_params.getlist(PARAMETER))
        except UnknownGroupError as error:
            return PlainTextResponse(f"{error}.\n", 400)
        body, content_type = service.exposition.expose(request.headers.get("accept", ""), zipped, groups)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    def landing(_: Request) -> Response:
        return HTMLResponse(
            landing_page(
                service.latest, service.problems, service.clock(), service.standby_reason, paths.telemetry
            )
        )

    def healthy(_: Request) -> Response:
        if problems := service.problems:
            return PlainTextResponse(f"Not healthy: {'; '.join(problems)}.\n", 503)
        return PlainTextResponse("aircall-exporter is healthy.\n")

    def ready(_: Request) -> Response:
        if why := service.standby_reason:
            return PlainTextResponse(f"Not ready, on standby: {why}.\n", 503)
        missing = service.latest.missing
        if missing:
            return PlainTextResponse(f"Not ready, not fetched yet: {', '.join(missing)}.\n", 503)
        return PlainTextResponse("aircall-exporter is ready.\n")

    def refresh(_: Request) -> Response:
        if why := service.standby_reason:
            return PlainTextResponse(f"Not refreshed, on standby: {why}.\n", 503)
        service.refresh()
        return PlainTextResponse("Users, teams, numbers and assignments are being fetched again.\n")

    def reload_endpoint(_: Request) -> Response:
        if reload is None:
            return PlainTextResponse("Lifecycle API is not enabled, see --web.enable-lifecycle.\n", 403)
        try:
            need_restart = reload()
        except ConfigError as error:
            log.error("configuration reload failed", problem=str(error))
            return PlainTextResponse(f"failed to reload the configuration: {error}\n", 500)
        if need_restart:
            exception = f"Not in force before a restart: {', '.join(need_restart)}."
            return PlainTextResponse(f"Configuration reloaded. {exception}\n")
        return PlainTextResponse("Configuration reloaded.\n")

    events = webhook(service.inbox, lambda: service.standby_reason)
    routes = [
        Route("/", landing),
        Route(paths.telemetry, metrics),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        Route("/-/refresh", refresh, methods=["POST"]),
        Route("/-/reload", reload_endpoint, methods=["POST"]),
        *admin_routes(service, admin, paths),
        api(searched, service.requests.fetch_call, lambda: service.latest.board.settings, paths),
        *([] if service.latest.board.settings.webhook.listen_address else [events]),
    ]
    return application([*redirects_to(paths.prefix), *below(paths.prefix, routes)], MAX_BODY_BYTES)


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Return whether the client accepts gzip; `q=0` means that it does not."""
    for coding in headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = coding.strip().partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
