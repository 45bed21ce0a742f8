"""Implement the command `aircall-exporter users`, which lists all users."""

import argparse
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.account.records import UserStates
from exporter.cli.account_access import account_access
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_command, add_config_flag
from exporter.cli.formats import Listing, Row, add_format_flags, print_rows
from exporter.cli.output import Column, print_problem, shown_time, with_shown_times
from exporter.cli.user_lookup import UserInfo, list_users
from exporter.polling.fetchers import UserApi


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, run, "users", "list all users with their teams and current states")
    add_format_flags(parser)
    parser.add_argument("--utc", action="store_true", help="times are UTC; local otherwise")
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print all users. Raises ApiError and ConfigError."""
    zone = UTC if arguments.utc else None
    with account_access(arguments) as account:
        found = [_with_since(user, account.states) for user in account.runner.run(list_users(UserApi()))]
    if not found:
        print_problem("users", "the company has no users")
    print_rows(_USERS, found, arguments, zone)
    return ExitCode.SUCCESS


def _with_since(user: UserInfo, states: UserStates) -> UserInfo:
    """Add the time in state, if the user is still in the state that the exporter observed."""
    state, since = states.get(user.id, ("", 0.0))
    return structs.replace(user, since=since) if state == user.state else user


def _row(user: UserInfo, zone: tzinfo | None) -> Row:
    return with_shown_times(structs.asdict(user), ("since",), zone)


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


_COLUMNS = [
    Column(title) for title in ("id", "name", "e-mail", "teams", "state", "since", "status", "substatus")
]
_USERS = Listing("Users", _COLUMNS, _cells, UserInfo.__struct_fields__, _row)
