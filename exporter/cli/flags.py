"""Define the flags and commands of `aircall-exporter`, named as in Prometheus' own exporters."""

import argparse
import platform
from collections.abc import Sequence
from typing import NoReturn

from exporter import __version__
from exporter.cli import argtypes, backfill, calls, forget, plan, users, webhook
from exporter.logs import LEVELS

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
"""Defaults of the flags that are accepted both before and after a command."""

STORAGE = "data/"
"""The default directory of the archive."""

CALLS_PER_USER = 7.5
"""Calls per hour that keep a simulated user busy, and sometimes let a queue build up."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}, see --help\n")


def parser() -> argparse.ArgumentParser:
    """Return a parser with all flags and commands."""
    # Without defaults, as the defaults of a command would override flags before it.
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
        help="web configuration file: TLS, passwords and headers (YAML)",
    )
    common.add_argument(
        "--web.enable-api",
        dest="api",
        action="store_true",
        help="serve archived calls as GET /api/v1/calls; requires a password",
    )
    common.add_argument(
        "--web.enable-admin-api",
        dest="admin",
        action="store_true",
        help="allow changes of users' availability over HTTP; requires a password",
    )
    common.add_argument(
        "--web.public-metrics",
        dest="public_metrics",
        action="store_true",
        help="serve /metrics, /-/healthy and /-/ready without a password even if there are users",
    )
    common.add_argument(
        "--storage.path",
        dest="storage",
        metavar="DIRECTORY",
        help=f"directory of the call archive (default: {STORAGE}; for `demo` a temporary one)",
    )
    common.add_argument("--log.level", dest="log_level", choices=LEVELS, help="lowest severity to log")
    common.add_argument(
        "--log.format", dest="log_format", choices=("logfmt", "json"), help="format of log lines"
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
        "demo", help="run with a simulated Aircall account, without a configuration", parents=[common]
    )
    demo.add_argument("--users", type=argtypes.count, default=24, help="users (default: %(default)s)")
    demo.add_argument(
        "--calls-per-hour",
        type=argtypes.rate,
        help=f"calls per hour at busy times (default: {CALLS_PER_USER} for each user)",
    )
    demo.add_argument("--seed", type=int, default=1, help="seed of the account's random data")
    demo.add_argument("--webhooks", action="store_true", help="let the account also send webhook events")
    search = commands.add_parser("calls", help="search archived calls")
    calls.add_flags(search)
    person = commands.add_parser("forget", help="erase a caller from archived calls")
    forget.add_flags(person)
    past = commands.add_parser("backfill", help="fetch past calls into the archive")
    backfill.add_flags(past)
    planning = commands.add_parser("plan", help="estimate poll intervals for a company of some size")
    plan.add_flags(planning)
    planning.add_argument(
        "--config.file",
        dest="config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="configuration file (YAML)",
    )
    user_list = commands.add_parser("users", help="list all users with their teams and current states")
    switch = commands.add_parser("switch", help="make a user available or unavailable")
    users.add_flags(user_list, switch)
    webhooks = commands.add_parser("webhook", help="create, list or delete webhooks at Aircall")
    webhook.add_flags(webhooks)
    for with_credential in (user_list, switch, webhooks):
        with_credential.add_argument(
            "--config.file",
            dest="config",
            default=argparse.SUPPRESS,
            metavar="FILE",
            help="configuration file with the credential (YAML)",
        )
    check = commands.add_parser("check-config", help="check a configuration file")
    check.add_argument("file", metavar="FILE", nargs="?")
    check.add_argument(
        "--web.config.file",
        dest="web_config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="also check this web configuration file",
    )
    return main_parser


def version() -> str:
    """Return the text that `--version` prints."""
    return f"aircall-exporter, version {__version__} (python {platform.python_version()})"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line. If it is invalid, print one line and exit with 2."""
    return parser().parse_args(argv, argparse.Namespace(**_DEFAULTS))
