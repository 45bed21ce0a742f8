"""Run the commands of `aircall-exporter`."""

import argparse
import signal
from collections.abc import Sequence
from functools import cache

import shtab

from exporter.aircall.errors import CREDENTIAL_REJECTED, ApiError, CredentialError
from exporter.archive.database import ArchiveError
from exporter.cli import (
    archive,
    backfill,
    call,
    call_backs,
    calls,
    check_config,
    demo,
    doctor,
    flags,
    forget,
    init,
    plan,
    report,
    serve,
    streams,
    switch,
    users,
    webhook,
)
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.output import print_problem
from exporter.cli.signals import Interrupted, interruptible
from exporter.config.yaml_file import ConfigError
from exporter.web.listeners import AddressError, ListenError

COMMANDS = (
    demo,
    init,
    calls,
    call,
    call_backs,
    report,
    forget,
    archive,
    backfill,
    plan,
    users,
    switch,
    webhook,
    check_config,
    doctor,
)
"""The modules of the commands. `serve` runs if there is no command."""


def main(argv: Sequence[str] | None = None) -> ExitCode:
    """Run the command line, and return the exit code. Raises SystemExit if the command line is invalid."""
    try:
        with interruptible(signal.SIGINT, signal.SIGTERM):
            return _with_streams(argv)
    except Interrupted as interruption:
        return interruption.exit_code


@cache
def parser() -> flags.Parser:
    """Return a parser with all flags and commands."""
    main_parser = flags.Parser(
        prog="aircall-exporter",
        description="Prometheus exporter for Aircall.",
        epilog="The credential comes from the configuration file, or from AIRCALL_API_ID and"
        " AIRCALL_API_TOKEN (or ..._FILE with a path).",
        parents=[flags.server_flags()],
        allow_abbrev=False,
    )
    main_parser.add_argument("--config.file", dest="config", metavar="FILE", help="configuration file (YAML)")
    main_parser.add_argument(
        "--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload"
    )
    shtab.add_argument_to(
        main_parser, "--print-completion", help="print a script for your shell that completes commands"
    )
    main_parser.add_argument("--version", action="version", version=flags.version())
    subparsers = main_parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=flags.Parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return main_parser


def _with_streams(argv: Sequence[str] | None) -> ExitCode:
    streams.prepare()
    try:
        try:
            return _run(parser().parse_args(argv, argparse.Namespace(run=serve.run, **flags.DEFAULTS)))
        finally:
            streams.flush_output()
    except BrokenPipeError:  # the reader has gone, such as `head`
        streams.discard_output()
        return ExitCode.SUCCESS


def _run(arguments: argparse.Namespace) -> ExitCode:
    """Run a command. An error is one line on standard error."""
    command: str | None = arguments.command
    try:
        code: ExitCode = arguments.run(arguments)
    except BrokenPipeError:
        raise
    except (AddressError, ConfigError, UsageError) as error:
        print_problem(_place(command, error), str(error))
        return ExitCode.USAGE
    except (ApiError, ArchiveError, ListenError) as error:
        print_problem(_place(command, error), _text(error))
        return ExitCode.FAILED
    except OSError as error:  # for example, standard output goes to a full disk
        if command is None:
            raise
        streams.discard_output()
        print_problem(command, error.strerror or str(error))
        return ExitCode.FAILED
    return code


def _place(command: str | None, error: Exception) -> str | None:
    """Return what an error is about, unless its text says so."""
    if isinstance(error, ConfigError | ListenError):
        return None
    return "--storage.path" if isinstance(error, ArchiveError) and command in (None, "demo") else command


def _text(error: Exception) -> str:
    if isinstance(error, CredentialError):
        return CREDENTIAL_REJECTED
    return f"the request to Aircall failed: {error}" if isinstance(error, ApiError) else str(error)
