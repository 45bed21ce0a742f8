"""The flags and commands of `aircall-exporter`, spelled as Prometheus' own exporters spell theirs."""

import argparse
import platform
from collections.abc import Sequence
from typing import NoReturn

from exporter import __version__, backfill, forget
from exporter.admin import command as users
from exporter.archive import command
from exporter.logs import LEVELS
from exporter.planner import command as planner
from exporter.terminal import argtypes
from exporter.webhooks import command as webhooks

_DEFAULTS = {
    "listen": ":9979",
    "web_config": None,
    "api": False,
    "admin": False,
    "public_metrics": False,
    "storage": None,
    "log_level": "info",
    "log_format": "logfmt",
}
"""Of the flags that may stand before and behind a command."""

STORAGE = "data/"
"""The directory of the archive, unless one is named."""

CALLS_PER_USER = 7.5
"""Calls an hour that keep a simulated user busy, and let a queue build up now and then."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}, see --help\n")


def parser() -> argparse.ArgumentParser:
    """All flags and commands."""
    # Without defaults: those of a command would undo what stands before it.
    common = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="ADDRESS",
        help=f"address to serve on (default: {_DEFAULTS['listen']})",
    )
    common.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        help="TLS and passwords for the web side (YAML)",
    )
    common.add_argument(
        "--web.enable-api",
        dest="api",
        action="store_true",
        help="serve the kept calls to other tools, as GET /api/v1/calls; it wants a password",
    )
    common.add_argument(
        "--web.enable-admin-api",
        dest="admin",
        action="store_true",
        help="let users be switched over HTTP, by whoever shows a password",
    )
    common.add_argument(
        "--web.public-metrics",
        dest="public_metrics",
        action="store_true",
        help="let anybody read /metrics, /-/healthy and /-/ready, also where --web.config.file has users",
    )
    common.add_argument(
        "--storage.path",
        dest="storage",
        metavar="DIRECTORY",
        help=f"directory for the call archive (default: {STORAGE}, of `demo` a passing one)",
    )
    common.add_argument("--log.level", dest="log_level", choices=LEVELS, help="least severity")
    common.add_argument(
        "--log.format", dest="log_format", choices=("logfmt", "json"), help="form of a log line"
    )
    main_parser = _Parser(
        prog="aircall-exporter",
        description="Prometheus exporter for Aircall.",
        epilog="The credential comes from the configuration file, or from AIRCALL_API_ID and"
        " AIRCALL_API_TOKEN (or ..._FILE with a path).",
        parents=[common],
        allow_abbrev=False,
    )
    main_parser.add_argument("--config.file", dest="config", metavar="FILE", help="configuration file (YAML)")
    main_parser.add_argument(
        "--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload"
    )
    main_parser.add_argument("--version", action="version", version=version())
    commands = main_parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    demo = commands.add_parser(
        "demo", help="serve a simulated Aircall account, no configuration needed", parents=[common]
    )
    demo.add_argument("--users", type=argtypes.count, default=24, help="users (default: %(default)s)")
    demo.add_argument(
        "--calls-per-hour",
        type=argtypes.rate,
        help=f"calls when it is busy (default: {CALLS_PER_USER} for each user)",
    )
    demo.add_argument("--seed", type=int, default=1, help="another seed is another account")
    demo.add_argument("--webhooks", action="store_true", help="let the account push its events, too")
    calls = commands.add_parser("calls", help="search the calls that are kept")
    command.add_flags(calls)
    person = commands.add_parser("forget", help="remove a caller from the kept calls")
    forget.add_flags(person)
    past = commands.add_parser("backfill", help="read past calls into the archive")
    backfill.add_flags(past)
    planning = commands.add_parser("plan", help="say how fresh a board a company of some size can have")
    planner.add_flags(planning)
    planning.add_argument(
        "--config.file", dest="config", default=argparse.SUPPRESS, metavar="FILE", help="refresh and the rest"
    )
    everybody = commands.add_parser("users", help="list all users: who is who, and what each does now")
    switch = commands.add_parser("switch", help="make a user available or unavailable")
    users.add_flags(everybody, switch)
    webhook = commands.add_parser("webhook", help="have Aircall push its events: create, list or delete")
    webhooks.add_flags(webhook)
    for asking in (everybody, switch, webhook):
        asking.add_argument(
            "--config.file", dest="config", default=argparse.SUPPRESS, metavar="FILE", help="the credential"
        )
    check = commands.add_parser("check-config", help="say what is wrong with a configuration file")
    check.add_argument("file", metavar="FILE", nargs="?")
    check.add_argument(
        "--web.config.file",
        dest="web_config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="check it too",
    )
    return main_parser


def version() -> str:
    return f"aircall-exporter, version {__version__} (python {platform.python_version()})"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says; a wrong one ends the process with 2 and one line."""
    return parser().parse_args(argv, argparse.Namespace(**_DEFAULTS))
