"""Implement the command `aircall-exporter check-config`, which checks configuration files."""

import argparse

from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers
from exporter.config.loader import load
from exporter.grafana_live.token_file import read_token
from exporter.web.config import load_web_config


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("check-config", help="check a configuration file")
    parser.set_defaults(run=run)
    parser.add_argument("file", metavar="FILE", nargs="?")
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="also check this web configuration file",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Check the files. Raises ConfigError, and UsageError if no file is given."""
    file, web_file = arguments.file, arguments.web_config
    if not (file or web_file):
        raise UsageError("expected a FILE, or --web.config.file=FILE")
    if file:
        live = load(file).grafana_live
        if live.url:
            read_token(live, file)
        print(f"{file}: fine")
    if web_file:
        load_web_config(web_file)
        print(f"{web_file}: fine")
    return ExitCode.SUCCESS
