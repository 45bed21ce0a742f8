"""Implement the command `aircall-exporter demo`: a simulated account and an exporter for it."""

import argparse
import secrets
import time
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import structlog
from msgspec import structs

from exporter.archive.open_archive import opened
from exporter.cli import argtypes
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_command, server_flags
from exporter.cli.serve import SIGNALS, serve
from exporter.cli.signals import blocked
from exporter.config.loader import has_credential, load_grafana_live, load_storage
from exporter.config.reload import ConfigFile
from exporter.config.settings import SIMULATED_CREDENTIAL, Aircall, Settings, Webhook
from exporter.durations import Duration
from exporter.logs import configure_logs
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryThread, NetworkConditions
from exporter.simulator.webhooks import SimulatedWebhook

log = structlog.get_logger()

DEMO_SLA = Duration(8)
"""An SLA that users of the simulated account sometimes breach."""


HISTORY_S = 26 * 3600
"""Seconds of calls before the start: more than the exporter fetches by default."""

CALLS_PER_USER = 7.5
"""Calls per hour that keep a simulated user busy, and sometimes let a queue build up."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        run,
        "demo",
        "run with a simulated Aircall account, without a configuration",
        parents=[server_flags()],
    )
    parser.add_argument("--users", type=argtypes.count, default=24, help="users (default: %(default)s)")
    parser.add_argument(
        "--calls-per-hour",
        type=argtypes.rate,
        help=f"calls per hour at busy times (default: {CALLS_PER_USER} for each user)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the account's random data")
    parser.add_argument("--webhooks", action="store_true", help="let the account also send webhook events")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Serve a simulated account until a signal ends it."""
    configure_logs(arguments.log_level, arguments.log_format)
    users = arguments.users
    calls = CALLS_PER_USER * users if arguments.calls_per_hour is None else arguments.calls_per_hour
    print(f"Simulating a day of calls of {users} users.", flush=True)
    account = SimulatedAccount(
        users,
        calls,
        arguments.seed,
        start=time.time(),
        history=HISTORY_S,
        ai_agent=True,
        repeat_callers=True,
    )
    with TemporaryDirectory() as temporary, ExitStack() as servers:
        with blocked(*SIGNALS):
            aircall = servers.enter_context(SimulatedAircall(account, clock=time.time))
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        webhook = Webhook(secrets.token_hex(16) if arguments.webhooks else "", listen_address="127.0.0.1:0")

        path = arguments.config
        file = ConfigFile(path, SIMULATED_CREDENTIAL) if path else None

        def read() -> Settings:
            settings = file.reread() if file else Settings(sla=DEMO_SLA)
            live = load_grafana_live(path)
            storage = load_storage(path)
            return structs.replace(settings, aircall=api, webhook=webhook, storage=storage, grafana_live=live)

        if arguments.config and has_credential(arguments.config):
            log.warning("the simulated account uses no credential", file=arguments.config)
        settings = read()
        delivery = DeliveryThread(account, aircall.webhooks, NetworkConditions(), time.time)

        def started(url: str, events: str | None) -> None:
            if events:
                aircall.webhooks.add(SimulatedWebhook(events, token=webhook.tokens[0]))
                delivery.start()
            print(_welcome(url, arguments.telemetry_path, arguments.api), flush=True)

        archive = opened(settings.storage, arguments.storage or temporary, simulated=True)
        code = serve(arguments, settings, archive, read, started)
        delivery.stop()
    return code


def _welcome(url: str, telemetry: str, with_api: bool) -> str:
    calls = f"  {url}/api/v1/calls?from=1h\n" if with_api else ""
    return f"""
A simulated Aircall account is being exported. Where to look:

  {url}/{" " * len(telemetry)}  state of the exporter and age of its data
  {url}{telemetry}   the metrics
{calls}  {"docker compose up":{len(url + telemetry) + 3}}the same with Prometheus, Alertmanager and Grafana

Ctrl-C ends it.
"""
