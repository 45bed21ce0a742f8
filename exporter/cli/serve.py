"""Run the exporter as a server until a signal ends it."""

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from socket import AF_UNIX, socket

import structlog

from exporter.app import create_app
from exporter.archive.open_archive import opened
from exporter.archive.store import Archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import LISTEN, STORAGE
from exporter.cli.permissions import is_open_to_all, world_readable_secrets
from exporter.cli.web_paths import web_paths
from exporter.config.reload import ConfigFile
from exporter.config.settings import Settings
from exporter.config.yaml_file import ConfigError
from exporter.logs import configure_logs
from exporter.runtime.service import Service
from exporter.version import VERSION
from exporter.web.config import NO_WEB_CONFIG, WebConfig
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.listeners import ListenError, bind, bind_all, passed_by_systemd, shown
from exporter.web.routing import application, below
from exporter.web.server import WebServer
from exporter.webhooks.receiver import PATH, webhook

log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that end the exporter or reload its configuration."""


def run(arguments: argparse.Namespace) -> ExitCode:
    """Serve the configured account. Raises ArchiveError, ConfigError and ListenError."""
    file = ConfigFile(arguments.config)
    settings = file.settings
    configure_logs(arguments.log_level, arguments.log_format, settings.secrets)
    storage = settings.storage
    archive = opened(storage, arguments.storage or STORAGE, exclusive=storage.standby)
    return serve(arguments, settings, archive, file.reread)


def serve(
    arguments: argparse.Namespace,
    settings: Settings,
    archive: Archive,
    reread: Callable[[], Settings],
    started: Callable[[str, str | None], object] = lambda *_: None,
) -> ExitCode:
    """Serve until SIGTERM or SIGINT. SIGHUP reloads the configuration with `reread`.

    `started` is called with the URL of the web server, and that of the event server if there is one. Signals
    are awaited with sigwait, as a handler that runs just before the wait would go unnoticed.

    Returns:
        FAILED if another exporter has taken over or has to, so that a supervisor restarts this one.
    """
    taken = threading.Event()
    service = Service(settings, archive, taken=partial(_on_leadership_lost, taken))

    secrets = set(settings.secrets)

    def reload() -> tuple[str, ...]:
        before = service.latest.board.settings.webhook.tokens
        settings = reread()
        secrets.update(settings.secrets)  # the previous ones may still be in use
        configure_logs(arguments.log_level, arguments.log_format, secrets)
        need_restart = service.configure(settings)
        log.info("configuration reloaded", file=arguments.config)
        if gone := set(before) - set(settings.webhook.tokens):
            log.warning("webhook tokens removed, events with them are rejected", removed=len(gone))
        if need_restart:
            log.warning("changed keys need a restart", keys=", ".join(need_restart))
        return need_restart

    def on_hang_up() -> None:
        try:
            reload()
        except ConfigError as error:
            log.error("configuration reload failed", problem=str(error))

    web = WebConfigReloader(arguments.web_config)
    paths = web_paths(arguments)
    listeners = _listeners(arguments)
    pages = create_app(
        service,
        reload if arguments.lifecycle else None,
        archive if arguments.api else None,
        arguments.admin,
        paths,
    )
    server = WebServer(pages, listeners, web, paths.public(arguments.public_metrics), paths.origin)
    event_server = _event_server(service, settings, paths.prefix)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for file in world_readable_secrets(arguments.config, web.config):
        log.warning("secret file is world-readable", file=file, fix=f"chmod o-r {file}")
    if archive.file is not None and is_open_to_all(archive.file):
        log.warning("archive is world-readable", file=str(archive.file), fix=f"chmod o-r {archive.file}*")
    log.info(
        "starting", version=VERSION, listening=", ".join(map(shown, listeners)), archive=archive.location
    )
    shares_server = service.inbox is not None and event_server is None
    for problem in _ineffective_options(arguments, web.config, archive.simulated, shares_server):
        log.warning(problem)
    service.start()
    server.start()
    if event_server is not None:
        event_server.start()
    scheme = "https" if web.config.tls_server_config else "http"
    events_url = f"http://127.0.0.1:{event_server.port}{paths.prefix}{PATH}" if event_server else None
    started(paths.external_url or f"{_local_url(listeners, scheme)}{paths.prefix}", events_url)
    while signal.sigwait(SIGNALS) == signal.SIGHUP:
        on_hang_up()
    log.info("stopping")
    if event_server is not None:
        event_server.stop()
    server.stop()
    service.stop()
    return ExitCode.FAILED if taken.is_set() else ExitCode.SUCCESS


def _ineffective_options(
    arguments: argparse.Namespace, web: WebConfig, simulated: bool, shares_server: bool
) -> Iterator[str]:
    """Yield a warning with a remedy for each setting without the effect that its name suggests.

    Args:
        arguments: The command line.
        web: The web configuration.
        simulated: Whether the archive contains only simulated calls.
        shares_server: Whether events arrive at the web server, not at an address of their own.
    """
    if arguments.web_config and web == NO_WEB_CONFIG:
        yield "web configuration is empty: clients need no password"
    if arguments.api and not (web.can_authenticate or simulated):
        yield "calls API rejects all clients: set basic_auth_users in --web.config.file"
    if arguments.admin and not web.can_authenticate:
        yield "admin API rejects all clients: set basic_auth_users in --web.config.file"
    if shares_server and web.requires_client_cert:
        yield "Aircall has no client certificate: set webhook.listen_address to accept its events"


def _on_leadership_lost(taken: threading.Event) -> None:
    taken.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _listeners(arguments: argparse.Namespace) -> list[socket]:
    """Listen as the flags say. Raises ListenError and UsageError, whose texts are one line."""
    if not arguments.systemd_socket:
        with _errors_of("--web.listen-address"):
            return bind_all(arguments.listen or [LISTEN])
    if arguments.listen:
        raise UsageError("--web.systemd-socket and --web.listen-address exclude each other")
    with _errors_of("--web.systemd-socket"):
        return passed_by_systemd(os.environ)


def _local_url(listeners: Sequence[socket], scheme: str) -> str:
    """Return the URL of the landing page for this machine, or the path of a Unix socket."""
    tcp = next((each for each in listeners if each.family != AF_UNIX), None)
    return f"{scheme}://127.0.0.1:{tcp.getsockname()[1]}" if tcp else shown(listeners[0])


@contextmanager
def _errors_of(where: str) -> Iterator[None]:
    """Add the flag or key `where` to a ListenError."""
    try:
        yield
    except ListenError as error:
        raise type(error)(f"{where}: {error}") from None


def _event_server(service: Service, settings: Settings, prefix: str) -> WebServer | None:
    """Return the plain HTTP server for events, or `None` if webhook.listen_address is not set."""
    address = settings.webhook.listen_address
    if not address or service.inbox is None:
        return None
    with _errors_of("webhook.listen_address"):
        listener = bind(address)
    routes = below(prefix, [webhook(service.inbox, lambda: service.standby_reason)])
    log.info("accepting webhook events", address=shown(listener), path=prefix + PATH)
    return WebServer(application(routes), [listener])
