"""Implement the command `aircall-exporter demo`: a simulated account and an exporter for it."""

import argparse
import secrets
import time
from tempfile import TemporaryDirectory

import structlog
from msgspec import structs

from exporter.archive.open_archive import opened
from exporter.cli.flags import CALLS_PER_USER
from exporter.cli.serve import serve
from exporter.config.loader import has_credential, load_storage
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


def run(arguments: argparse.Namespace) -> int:
    """Serve a simulated account until a signal ends it, and return the exit code."""
    configure_logs(arguments.log_level, arguments.log_format)
    users = arguments.users
    calls = CALLS_PER_USER * users if arguments.calls_per_hour is None else arguments.calls_per_hour
    account = SimulatedAccount(users, calls, arguments.seed, start=time.time())
    with TemporaryDirectory() as temporary, SimulatedAircall(account, clock=time.time) as aircall:
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        webhook = Webhook(secrets.token_hex(16) if arguments.webhooks else "", listen_address="127.0.0.1:0")

        path = arguments.config
        file = ConfigFile(path, SIMULATED_CREDENTIAL) if path else None

        def read() -> Settings:
            settings = file.reread() if file else Settings(sla=DEMO_SLA)
            return structs.replace(settings, aircall=api, webhook=webhook, storage=load_storage(path))

        if arguments.config and has_credential(arguments.config):
            log.warning("the simulated account uses no credential", file=arguments.config)
        settings = read()
        delivery = DeliveryThread(account, aircall.webhooks, NetworkConditions(), time.time)

        def started(url: str, events: str | None) -> None:
            if events:
                aircall.webhooks.add(SimulatedWebhook(events, token=webhook.tokens[0]))
                delivery.start()
            print(_welcome(url, arguments.api), flush=True)

        archive = opened(settings.storage, arguments.storage or temporary, simulated=True)
        code = serve(arguments, settings, archive, read, started)
        delivery.stop()
    return code


def _welcome(url: str, with_api: bool) -> str:
    calls = f"  {url}/api/v1/calls?from=1h\n" if with_api else ""
    return f"""
A simulated Aircall account is being exported. Where to look:

  {url}/          state of the exporter and age of its data
  {url}/metrics   the metrics
{calls}  {"docker compose up":{len(url) + 11}}the same with Prometheus, Alertmanager and Grafana

Ctrl-C ends it.
"""
