"""The command line: what each command of `aircall-exporter` does, and how it ends."""

import argparse
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from socket import socket
from tempfile import TemporaryDirectory

import structlog
from msgspec import structs
from starlette.applications import Starlette

from exporter import __version__, allocator, backfill, forget
from exporter.archive import command
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.keyfile import key_file
from exporter.archive.records import Doing
from exporter.archive.store import Archive
from exporter.config import Aircall, Settings, Storage, Webhook, load, load_storage
from exporter.durations import Duration
from exporter.flags import CALLS_PER_USER, STORAGE, parse
from exporter.logs import configure_logs
from exporter.permissions import readable_by_all
from exporter.planner import command as planner
from exporter.service import Service
from exporter.users import command as users
from exporter.users.asker import asking
from exporter.web import PUBLIC, application
from exporter.webconfig import load_web_config
from exporter.webfile import WebFile
from exporter.webhooks import command as webhooks
from exporter.webhooks.receiver import PATH, webhook
from exporter.webserver import AddressError, ListenError, WebServer, bind
from exporter.yamlfile import ConfigError

log = structlog.get_logger()

SIMULATED_CREDENTIAL = {"AIRCALL_API_ID": "simulated", "AIRCALL_API_TOKEN": "simulated"}
"""Stands in where a configuration is used without asking Aircall."""

DEMO_SLA = Duration(8)
"""So that the simulated account shows a name in red now and then."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code: 0 fine, 1 cannot run, 2 wrong flags or configuration.

    What works on the kept calls (`calls`, `forget`) gives 0 where there were some, 1 where there were none,
    2 where it cannot look.
    """
    arguments = parse(argv)
    commands = {
        "check-config": _check_config,
        "demo": _demo,
        "calls": _on_the_archive,
        "forget": _on_the_archive,
        "backfill": _backfill,
        "plan": _plan,
        "users": _ask_aircall,
        "switch": _ask_aircall,
        "webhook": _ask_aircall,
        None: _run,
    }
    try:
        return commands[arguments.command](arguments)
    except BrokenPipeError:  # `| head` has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConfigError as error:
        print(f"aircall-exporter: {error}", file=sys.stderr)
        return 2
    except ArchiveError as error:
        print(f"aircall-exporter: --storage.path: {error}", file=sys.stderr)
        return 1
    except ListenError as error:
        print(f"aircall-exporter: {error}", file=sys.stderr)
        return 2 if isinstance(error, AddressError) else 1


def _run(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    configure_logs(arguments.log_level, arguments.log_format, settings.secrets)
    storage = settings.storage
    archive = _archive(storage, arguments.storage or STORAGE, exclusive=storage.standby)
    return _serve(arguments, settings, archive)


def _check_config(arguments: argparse.Namespace) -> int:
    file, web_file = arguments.file, arguments.web_config
    if not (file or web_file):
        print("aircall-exporter: check-config: wanted a FILE, or --web.config.file=FILE", file=sys.stderr)
        return 2
    if file:
        load(file)
        print(f"{file}: fine")
    if web_file:
        load_web_config(web_file)
        print(f"{web_file}: fine")
    return 0


def _on_the_archive(arguments: argparse.Namespace) -> int:
    run = {"calls": command.run, "forget": forget.run}[arguments.command]
    try:
        with closing(_kept_archive(arguments)) as archive:
            return run(arguments, archive, time.time())
    except (ArchiveError, ValueError) as error:
        print(f"aircall-exporter: {arguments.command}: {error}", file=sys.stderr)
        return 2


def _backfill(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    configure_logs("warning", arguments.log_format, settings.secrets)
    try:
        with closing(_archive(settings.storage, arguments.storage or STORAGE)) as archive:
            return backfill.run(arguments, settings, archive)
    except ValueError as error:
        print(f"aircall-exporter: backfill: {error}", file=sys.stderr)
        return 2


def _ask_aircall(arguments: argparse.Namespace) -> int:
    """Ask Aircall by hand: out of our own budget, or of what a running exporter leaves to others."""
    settings = load(arguments.config)
    beside = False
    doing: Doing = {}
    with suppress(ArchiveError), closing(_kept_archive(arguments)) as archive:
        if beside := backfill.is_served(archive):
            doing = archive.doing()
    commands: dict[str, Callable[..., int]] = {
        "users": partial(users.list_users, doing=doing),
        "switch": users.switch,
        "webhook": partial(webhooks.run, settings=settings, directory=arguments.storage or STORAGE),
    }
    try:
        with asking(settings.aircall, beside) as asker:
            return commands[arguments.command](arguments, asker=asker)
    except ValueError as error:
        print(f"aircall-exporter: {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return users.NOT_CONFIRMED


def _plan(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config, SIMULATED_CREDENTIAL)
    try:
        return planner.run(arguments, settings)
    except ValueError as error:
        print(f"aircall-exporter: plan: {error}", file=sys.stderr)
        return 2


def _demo(arguments: argparse.Namespace) -> int:
    from exporter.demo.post import PostOffice, Way  # noqa: PLC0415 (a live account needs none of these)
    from exporter.demo.server import SimulatedAircall  # noqa: PLC0415
    from exporter.demo.simulation import SimulatedAccount  # noqa: PLC0415
    from exporter.demo.webhooks import SimulatedWebhook  # noqa: PLC0415

    configure_logs(arguments.log_level, arguments.log_format)
    users = arguments.users
    calls = CALLS_PER_USER * users if arguments.calls_per_hour is None else arguments.calls_per_hour
    account = SimulatedAccount(users, calls, arguments.seed, start=time.time())
    with TemporaryDirectory() as passing, SimulatedAircall(account, clock=time.time) as aircall:
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        if arguments.config:
            settings = load(arguments.config, SIMULATED_CREDENTIAL)
        else:
            settings = Settings(sla=DEMO_SLA)
        told = Webhook(secrets.token_hex(16) if arguments.webhooks else "", listen_address="127.0.0.1:0")
        settings = structs.replace(
            settings, aircall=api, webhook=told, storage=load_storage(arguments.config)
        )
        arguments.lifecycle = False
        office = PostOffice(account, aircall.webhooks, Way(), time.time)

        def push(url: str) -> None:
            aircall.webhooks.add(SimulatedWebhook(url, token=told.tokens[0]))
            office.start()

        archive = _archive(settings.storage, arguments.storage or passing, simulated=True)
        code = _serve(arguments, settings, archive, push)
        office.stop()
    return code


def _archive(storage: Storage, directory: str, simulated: bool = False, exclusive: bool = False) -> Archive:
    """The archive as configured, or else in a directory; its key as configured, or else there too."""
    url = storage.url or sqlite_url(directory)
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)


def _kept_archive(arguments: argparse.Namespace) -> Archive:
    """An archive that is there; needs no credential."""
    storage = load_storage(arguments.config)
    directory = arguments.storage or STORAGE
    url = storage.url or sqlite_url(directory, create=False)
    return Archive(url, key_file(storage.key_file, directory))


def _serve(
    arguments: argparse.Namespace,
    settings: Settings,
    archive: Archive,
    push: Callable[[str], object] = lambda _: None,
) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again. Gives the exit code.

    That is 1 where another exporter has taken over: whatever started this one is to start it anew.

    `push` is told where events may go, if they have an address of their own. Signals are waited for, not
    handled: a handler's word is lost where it comes just before the wait.
    """
    allocator.give_back()
    taken = threading.Event()
    service = Service(settings, archive, taken=partial(_leave_to_another, taken))

    def reload() -> None:
        settings = load(arguments.config)
        configure_logs(arguments.log_level, arguments.log_format, settings.secrets)
        service.configure(settings)
        log.info("the configuration is reloaded", file=arguments.config)

    def hang_up() -> None:
        try:
            reload()
        except ConfigError as error:
            log.error("the configuration is not reloaded", problem=str(error))

    is_demo = arguments.command == "demo"
    web = WebFile(arguments.web_config)
    listener = _bind(arguments.listen, "--web.listen-address")
    pages = application(
        service,
        reload if arguments.lifecycle else None,
        archive if arguments.api else None,
        arguments.admin,
    )
    server = WebServer(pages, listener, web, (PATH, *(PUBLIC if arguments.public_metrics else ())))
    door = _door_for_events(service, settings)
    signals = {signal.SIGTERM, signal.SIGINT}
    if is_demo:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    else:
        signals.add(signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    host = listener.getsockname()[0]
    for file in readable_by_all(arguments.config, web.config):
        log.warning("everybody on this machine can read a secret", file=file, mend=f"chmod o-r {file}")
    log.info("starting", version=__version__, listening=f"{host}:{server.port}")
    if arguments.api and not (web.config.tells_who_asks or archive.simulated):
        log.warning("the calls API refuses everybody: set basic_auth_users in --web.config.file")
    if arguments.admin and not web.config.tells_who_asks:
        log.warning("the admin API refuses everybody: set basic_auth_users in --web.config.file")
    if service.inbox is not None and door is None and web.config.wants_certificates:
        log.warning("Aircall has no client certificate: set webhook.listen_address to let its events in")
    service.start()
    server.start()
    if door is not None:
        door.start()
        push(f"http://127.0.0.1:{door.port}{PATH}")
    if is_demo:
        scheme = "https" if web.config.tls_server_config else "http"
        print(_where_to_look(f"{scheme}://127.0.0.1:{server.port}", arguments.api), flush=True)
    while signal.sigwait(signals) == signal.SIGHUP:
        hang_up()
    log.info("stopping")
    if door is not None:
        door.stop()
    server.stop()
    service.stop()
    return int(taken.is_set())


def _leave_to_another(taken: threading.Event) -> None:
    taken.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _bind(address: str, where: str) -> socket:
    """Listen on an address that stands in `where`. Raises ListenError, whose text is one line."""
    try:
        return bind(address)
    except ListenError as error:
        raise type(error)(f"{where}: {error}") from None


def _door_for_events(service: Service, settings: Settings) -> WebServer | None:
    """A server of its own for Aircall, over plain HTTP behind somebody's proxy; mostly none."""
    address = settings.webhook.listen_address
    if not address or service.inbox is None:
        return None
    listener = _bind(address, "webhook.listen_address")
    door = WebServer(Starlette(routes=[webhook(service.inbox, lambda: service.stands_by)]), listener)
    log.info("taking events", address=f"{listener.getsockname()[0]}:{door.port}", path=PATH)
    return door


def _where_to_look(url: str, with_api: bool) -> str:
    calls = f"  {url}/api/v1/calls?from=1h\n" if with_api else ""
    return f"""
A simulated Aircall account is being exported. Where to look:

  {url}/          what is served, and how fresh it is
  {url}/metrics   the metrics
{calls}  {"docker compose up":{len(url) + 11}}the same with Prometheus, Alertmanager and Grafana

Ctrl-C ends it.
"""
