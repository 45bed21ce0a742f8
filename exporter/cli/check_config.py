"""Implement the command `aircall-exporter check-config`, which checks configuration files."""

import argparse

from exporter.account.directory import Directory
from exporter.account.reference_data import ReferenceData
from exporter.account.unknown_names import unknown_names
from exporter.aircall.endpoints import ApiTask
from exporter.aircall.errors import ApiError, CredentialError
from exporter.cli.api_runner import api_runner
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.output import print_problem
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.config.yaml_file import ConfigError, raise_all
from exporter.grafana_live.token_file import read_token
from exporter.polling.fetchers import UserApi, fetch_numbers, fetch_teams, fetch_users
from exporter.web.config import load_web_config


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, run, "check-config", "check a configuration file")
    parser.add_argument("file", metavar="FILE", nargs="?")
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="also check this web configuration file",
    )
    parser.add_argument(
        "--offline", action="store_true", help="do not ask Aircall about the credential and names"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Check the files, and print each error. Raises UsageError if no file is given."""
    file, web_file = arguments.file, arguments.web_config
    if not (file or web_file):
        raise UsageError("expected a FILE, or --web.config.file=FILE")
    try:
        if file:
            _check(file, arguments.offline)
            print(f"{file}: fine")
        if web_file:
            load_web_config(web_file)
            print(f"{web_file}: fine")
    except ConfigError as error:
        for each in (error, *error.others):
            print_problem(None, str(each))
        return ExitCode.USAGE
    return ExitCode.SUCCESS


def _check(file: str, offline: bool) -> None:
    """Check a configuration file, and with Aircall the credential and names. Raises ConfigError."""
    settings = load(file)
    if settings.grafana_live.url:
        read_token(settings.grafana_live, file)
    if offline:
        return
    try:
        with api_runner(settings.aircall, shared=True) as runner:
            directory = runner.run(fetch_directory(UserApi()))
    except CredentialError:
        raise ConfigError(
            file, "aircall", "Aircall rejects api_id or api_token, expected a valid key"
        ) from None
    except ApiError as error:
        print_problem("check-config", f"credential and names not checked, Aircall cannot be asked: {error}")
    else:
        raise_all(_unknown(file, directory, settings))


def _unknown(file: str, directory: Directory, settings: Settings) -> list[ConfigError]:
    problem = "no user, team or number has this name or id"
    errors = []
    for found in unknown_names(directory, settings):
        name, _, hint = found.partition(", did you mean ")
        errors.append(ConfigError(file, name, f"{problem}, did you mean {hint}" if hint else problem))
    return errors


def fetch_directory(api: UserApi) -> ApiTask[Directory]:
    """Fetch the names of all users, teams and numbers."""
    lists = ReferenceData(set())
    yield from fetch_users(lists, api)
    yield from fetch_teams(lists)
    yield from fetch_numbers(lists)
    return lists.directory
