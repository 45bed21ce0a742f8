"""The exporter as a server: pages, events and signals, from the start to the end."""

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from socket import socket

import structlog
from starlette.applications import Starlette

from exporter import __version__, malloc_tuning
from exporter.archive.store import Archive
from exporter.config import Settings
from exporter.config_file import ConfigError
from exporter.logs import configure_logs
from exporter.permissions import world_readable_secrets
from exporter.runtime import Service
from exporter.web.app import PUBLIC, create_app
from exporter.web.config import NO_WEB_CONFIG, WebConfig
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.server import ListenError, WebServer, bind, shown
from exporter.webhooks.receiver import PATH, webhook

log = structlog.get_logger()


def serve(
    arguments: argparse.Namespace,
    settings: Settings,
    archive: Archive,
    reread: Callable[[], Settings],
    started: Callable[[str, str | None], object] = lambda *_: None,
) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP has the configuration `reread`.

    Returns the exit code, which is 1 if another exporter has taken over or is to do so: a supervisor is to
    start this one again.

    `started` is told where pages are and, if they have an address of their own, where events go. Signals are
    waited for, not handled: a handler's word is lost where it comes just before the wait.
    """
    malloc_tuning.tune_malloc()
    taken = threading.Event()
    service = Service(settings, archive, taken=partial(_on_leadership_lost, taken))

    secrets = set(settings.secrets)

    def reload() -> tuple[str, ...]:
        before = service.latest.board.settings.webhook.tokens
        settings = reread()
        secrets.update(settings.secrets)  # those from before may still be in use
        configure_logs(arguments.log_level, arguments.log_format, secrets)
        need_restart = service.configure(settings)
        log.info("the configuration is reloaded", file=arguments.config)
        if gone := set(before) - set(settings.webhook.tokens):
            log.warning("webhook tokens are removed, events that carry them are refused", removed=len(gone))
        if need_restart:
            log.warning("changed keys need a restart, and are not in force", keys=", ".join(need_restart))
        return need_restart

    def hang_up() -> None:
        try:
            reload()
        except ConfigError as error:
            log.error("the configuration is not reloaded", problem=str(error))

    web = WebConfigReloader(arguments.web_config)
    listener = _bind(arguments.listen, "--web.listen-address")
    pages = create_app(
        service,
        reload if arguments.lifecycle else None,
        archive if arguments.api else None,
        arguments.admin,
    )
    server = WebServer(pages, listener, web, (PATH, *(PUBLIC if arguments.public_metrics else ())))
    door = _event_server(service, settings)
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    for file in world_readable_secrets(arguments.config, web.config):
        log.warning("everybody on this machine can read a secret", file=file, mend=f"chmod o-r {file}")
    log.info("starting", version=__version__, listening=shown(listener))
    events_beside = service.inbox is not None and door is None
    for problem in _ineffective_options(arguments, web.config, archive.simulated, events_beside):
        log.warning(problem)
    service.start()
    server.start()
    if door is not None:
        door.start()
    scheme = "https" if web.config.tls_server_config else "http"
    started(f"{scheme}://127.0.0.1:{server.port}", f"http://127.0.0.1:{door.port}{PATH}" if door else None)
    while signal.sigwait(signals) == signal.SIGHUP:
        hang_up()
    log.info("stopping")
    if door is not None:
        door.stop()
    server.stop()
    service.stop()
    return int(taken.is_set())


def _ineffective_options(
    arguments: argparse.Namespace, web: WebConfig, simulated: bool, events_beside: bool
) -> Iterator[str]:
    """Return a warning for each setting that does not do what its name suggests, with the remedy."""
    if arguments.web_config and web == NO_WEB_CONFIG:
        yield "the web configuration is empty: every client is let in without a password"
    if arguments.api and not (web.can_authenticate or simulated):
        yield "the calls API refuses everybody: set basic_auth_users in --web.config.file"
    if arguments.admin and not web.can_authenticate:
        yield "the admin API refuses everybody: set basic_auth_users in --web.config.file"
    if events_beside and web.requires_client_cert:
        yield "Aircall has no client certificate: set webhook.listen_address to let its events in"


def _on_leadership_lost(taken: threading.Event) -> None:
    taken.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _bind(address: str, where: str) -> socket:
    """Listen on an address that stands in `where`. Raises ListenError, whose text is one line."""
    try:
        return bind(address)
    except ListenError as error:
        raise type(error)(f"{where}: {error}") from None


def _event_server(service: Service, settings: Settings) -> WebServer | None:
    """A server of its own for Aircall, over plain HTTP behind somebody's proxy; mostly none."""
    address = settings.webhook.listen_address
    if not address or service.inbox is None:
        return None
    listener = _bind(address, "webhook.listen_address")
    door = WebServer(Starlette(routes=[webhook(service.inbox, lambda: service.standby_reason)]), listener)
    log.info("taking events", address=shown(listener), path=PATH)
    return door
