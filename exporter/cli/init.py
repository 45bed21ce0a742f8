"""Implement the command `aircall-exporter init`, which writes a configuration file with a checked key."""

import argparse
import os
import sys
from pathlib import Path

import yaml

from exporter.cli.api_runner import api_runner
from exporter.cli.check_config import fetch_directory
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.prompt import ask
from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from exporter.polling.fetchers import UserApi

_ABOUT = "Create the key in Aircall's dashboard: Integrations & API, API keys."

_HEADER = "# Settings of aircall-exporter. docs/configuration.md lists all keys.\n"

_NOT_NEEDED = (
    "found a credential in the environment, which takes the place of this file; start the exporter with"
    " aircall-exporter, or unset AIRCALL_API_ID and AIRCALL_API_TOKEN"
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        run,
        "init",
        "ask for the API key, check it with Aircall, and write a configuration file",
        note=_ABOUT,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="aircall.yml", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Ask, check and write. Raises ApiError, ConfigError and UsageError, and writes nothing then."""
    file = Path(arguments.file)
    if os.path.lexists(file):
        raise UsageError(f"{file}: found a file, expected a new name; check it with check-config {file}")
    if any(os.environ.get(name) for name in _credential_variables()):
        raise UsageError(_NOT_NEEDED)
    if not sys.stdin.isatty():
        raise UsageError("standard input is not a terminal; write the file, or set the environment variables")
    print(_ABOUT)
    key = {"api_id": ask("API id: "), "api_token": ask("API token: ", hidden=True)}
    text = _HEADER + yaml.safe_dump({"aircall": key}, sort_keys=False)
    checked = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _write(checked, text)
        settings = load(str(checked))
        with api_runner(settings.aircall, shared=False) as runner:
            found = runner.run(fetch_directory(UserApi()))
        _publish(checked, file, text)
    except FileExistsError:
        raise UsageError(f"{file}: found a file that has just been written, expected a new name") from None
    except ConfigError as error:
        raise UsageError(str(error).replace(str(checked), str(file))) from None
    finally:
        checked.unlink(missing_ok=True)
    print(
        f"Aircall accepts the key: {len(found.users)} users, {len(found.members)} teams,"
        f" {len(found.numbers)} numbers.\n"
        f"{file} has the key, and only you can read it. Start the exporter:\n\n"
        f"  aircall-exporter --config.file={file}\n"
    )
    return ExitCode.SUCCESS


def _credential_variables() -> tuple[str, ...]:
    names = ("AIRCALL_API_ID", "AIRCALL_API_TOKEN")
    return (*names, *(f"{name}_FILE" for name in names))


def _publish(checked: Path, file: Path, text: str) -> None:
    """Give the checked file its name. Raises FileExistsError, and UsageError if it cannot be written."""
    try:
        os.link(checked, file)
    except FileExistsError:
        raise
    except OSError:  # file systems such as FAT have no links
        try:
            _write(file, text)
        except UsageError:
            file.unlink(missing_ok=True)
            raise


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner can read. Raises FileExistsError, and UsageError if it fails."""
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise
    except OSError as error:
        raise UsageError(f"{file.parent}: cannot write there: {error.strerror}") from None
