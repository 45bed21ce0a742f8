"""Implement the command `aircall-exporter users`, which lists all users."""

import argparse
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.account.records import UserStates
from exporter.cli import output
from exporter.cli.account_access import account_access
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_config_flag
from exporter.cli.output import shown_time
from exporter.cli.user_lookup import UserInfo, list_users
from exporter.polling.fetchers import UserApi

COLUMNS = ("id", "name", "e-mail", "teams", "state", "since", "status", "substatus")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("users", help="list all users with their teams and current states")
    parser.set_defaults(run=run)
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    parser.add_argument("--utc", action="store_true", help="times are UTC; local otherwise")
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print all users. Raises ApiError and ConfigError."""
    zone = UTC if arguments.utc else None
    with account_access(arguments) as account:
        found = [_with_since(user, account.states) for user in account.runner.run(list_users(UserApi()))]
    if arguments.format == "json":
        output.as_json(_row(user, zone) for user in found)
    elif arguments.format == "csv":
        rows = (_row(user, zone) | {"teams": ", ".join(user.teams)} for user in found)
        output.as_csv(UserInfo.__struct_fields__, rows)
    else:
        output.as_table(COLUMNS, (_cells(user, zone) for user in found))
    return ExitCode.SUCCESS


def _with_since(user: UserInfo, states: UserStates) -> UserInfo:
    """Add the time in state, if the user is still in the state that the exporter observed."""
    state, since = states.get(user.id, ("", 0.0))
    return structs.replace(user, since=since) if state == user.state else user


def _row(user: UserInfo, zone: tzinfo | None) -> dict[str, object]:
    since = None if user.since is None else shown_time(int(user.since), zone)
    return structs.asdict(user) | {"since": since}


def _cells(user: UserInfo, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        str(user.id),
        user.name,
        user.email,
        ", ".join(user.teams),
        user.state,
        "" if user.since is None else shown_time(int(user.since), zone)[:19],
        user.status,
        user.substatus,
    )
