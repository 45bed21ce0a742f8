"""Define the flags that commands share, named as in Prometheus' own exporters."""

import argparse
import platform
from collections.abc import Callable
from textwrap import fill
from typing import Any, NoReturn, TypeAlias

import shtab

from exporter.cli.examples import EXAMPLES
from exporter.cli.exit_codes import ExitCode
from exporter.cli.web_paths import external_url, route_prefix, telemetry_path
from exporter.logs import LEVELS
from exporter.version import VERSION
from exporter.web.paths import TELEMETRY

LISTEN = ":9979"
"""The default address to serve on."""

STORAGE = "data/"
"""The default directory of the archive."""

DEFAULTS = {
    "listen": None,
    "systemd_socket": False,
    "external_url": "",
    "route_prefix": None,
    "telemetry_path": TELEMETRY,
    "web_config": None,
    "api": False,
    "admin": False,
    "public_metrics": False,
    "storage": None,
    "log_level": "info",
    "log_format": "logfmt",
}
"""Defaults of the flags that are accepted both before and after a command."""


COMPLETIONS = {"FILE": shtab.FILE, "DIRECTORY": shtab.DIRECTORY}
"""How shells complete values, by metavar."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose files are completed by shells."""

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """Add an argument as `argparse` does."""
        action = super().add_argument(*args, **kwargs)
        if action.metavar in COMPLETIONS:
            action.complete = COMPLETIONS[action.metavar]  # type: ignore[attr-defined]  # shtab reads it
        return action

    def error(self, message: str) -> NoReturn:
        """Print the problem in one line, and exit with 2."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}, see --help\n")


Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"
"""The commands, to which each command's module adds its parser."""


def add_command(
    subparsers: Subparsers,
    run: Callable[[argparse.Namespace], ExitCode],
    name: str,
    summary: str,
    note: str = "",
    **options: Any,
) -> Parser:
    """Add a command, whose help has a `summary`, examples, and a `note`. `run` implements it."""
    examples = [f"  aircall-exporter {each}" for each in EXAMPLES[name]]
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n".join([*([fill(note), ""] if note else []), "examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )
    parser.set_defaults(run=run)
    return parser


def server_flags() -> Parser:
    """Return a parser with the flags of the exporter and of `demo`.

    It has no defaults, as the defaults of a command would override flags before it.
    """
    flags = Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    flags.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="ADDRESS",
        help=f"address to serve on (default: {LISTEN}); may be repeated",
    )
    flags.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="serve on the sockets that systemd passes, instead of --web.listen-address",
    )
    flags.add_argument(
        "--web.external-url",
        dest="external_url",
        type=external_url,
        metavar="URL",
        help="URL at which clients reach the exporter, such as that of a reverse proxy",
    )
    flags.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        type=route_prefix,
        metavar="PATH",
        help="prefix of all paths (default: the path of --web.external-url)",
    )
    flags.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        type=telemetry_path,
        metavar="PATH",
        help=f"path of the metrics (default: {TELEMETRY})",
    )
    flags.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        help="web configuration file: TLS, passwords and headers (YAML)",
    )
    flags.add_argument(
        "--web.enable-api",
        dest="api",
        action="store_true",
        help="serve archived calls as GET /api/v1/calls and /api/v1/report; requires a password",
    )
    flags.add_argument(
        "--web.enable-admin-api",
        dest="admin",
        action="store_true",
        help="allow changes of users' availability over HTTP; requires a password",
    )
    flags.add_argument(
        "--web.public-metrics",
        dest="public_metrics",
        action="store_true",
        help="serve the metrics, /-/healthy and /-/ready without a password even if there are users",
    )
    flags.add_argument(
        "--storage.path",
        dest="storage",
        metavar="DIRECTORY",
        help=f"directory of the call archive (default: {STORAGE}; for `demo` a temporary one)",
    )
    flags.add_argument(
        "--log.level",
        dest="log_level",
        type=_level,
        choices=LEVELS,
        help="lowest severity to log; warning means warn",
    )
    flags.add_argument(
        "--log.format", dest="log_format", choices=("logfmt", "json"), help="format of log lines"
    )
    return flags


def _level(text: str) -> str:
    return "warn" if text == "warning" else text


def add_config_flag(parser: Parser) -> None:
    """Accept --config.file after the command too."""
    parser.add_argument(
        "--config.file",
        dest="config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="configuration file (YAML)",
    )


def version() -> str:
    """Return the text of --version."""
    return f"aircall-exporter, version {VERSION} (python {platform.python_version()})"
