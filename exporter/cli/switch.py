"""Implement the command `aircall-exporter switch`, which changes a user's availability."""

import argparse

from exporter.aircall.models import UserStatus
from exporter.aircall.substatus import ALWAYS_OPEN, normalised
from exporter.cli.account_access import account_access
from exporter.cli.api_runner import ApiRunner
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_command, add_config_flag
from exporter.cli.output import print_problem
from exporter.cli.prompt import confirm
from exporter.cli.user_lookup import list_statuses, match_users, similar_users
from exporter.polling.fetchers import UserApi
from exporter.polling.switch_availability import (
    TARGETS,
    AutoStatusError,
    SwitchError,
    UnknownUserError,
    choose_target,
    fetch_status,
    set_status,
)
from exporter.text import truncate


class NoMatchError(SwitchError):
    """No user matches, or several do. The text has a line for each candidate."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, run, "switch", "make a user available or unavailable")
    parser.add_argument("user", metavar="USER", help="id, e-mail address or full name")
    parser.add_argument("target", nargs="?", choices=TARGETS, help="new availability (default: toggle)")
    parser.add_argument("--yes", action="store_true", help="switch without confirmation")
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Switch a user. Raises ApiError, ConfigError, and UsageError if no terminal is there to confirm."""
    try:
        with account_access(arguments) as account:
            return _switch(arguments, account.runner)
    except SwitchError as error:
        print_problem("switch", str(error))
        return _exit_code(error)


def _exit_code(error: SwitchError) -> ExitCode:
    match error:
        case NoMatchError():
            return ExitCode.NOT_FOUND
        case AutoStatusError():
            return ExitCode.REFUSED
    return ExitCode.FAILED


def _switch(arguments: argparse.Namespace, runner: ApiRunner) -> ExitCode:
    api = UserApi()
    status = _find(arguments.user, api, runner)
    target = choose_target(status, arguments.target)
    who = f"{status.label} ({status.id})"
    if status.availability_status == target:
        print(f"{who} is {target} already")
        return ExitCode.SUCCESS
    if not (arguments.yes or confirm(f"{who} is {_now(status)}. Make this user {target}?")):
        print("nothing is changed")
        return ExitCode.INTERRUPTED
    switched = runner.run(set_status(api, status, target))
    print(f"{who} is {target} now, was {switched.before}")
    return ExitCode.SUCCESS


def _find(text: str, api: UserApi, runner: ApiRunner) -> UserStatus:
    """Return the user with this id, e-mail address or name. An id takes one request. Raises NoMatchError."""
    if text.isascii() and text.isdecimal():
        try:
            return runner.run(fetch_status(api, int(text)))
        except UnknownUserError:
            pass  # a user's name may be a number
    users = runner.run(list_statuses(api))
    found = match_users(users, text)
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{truncate(text)} is the name of {len(found)} users, say which by id or e-mail address:"
        raise NoMatchError("\n".join((problem, *map(_candidate, found))))
    candidates = similar_users(users, text)
    problem = f"no user has the id, e-mail address or name {truncate(text)}"
    raise NoMatchError(
        "\n".join((problem + ("; alike are:" if candidates else ""), *map(_candidate, candidates)))
    )


def _candidate(user: UserStatus) -> str:
    return f"  {user.id}  {user.label}  {user.email or ''}".rstrip()


def _now(status: UserStatus) -> str:
    """Return the status, with the substatus if that adds information."""
    reason = normalised(status.substatus or "")
    adds_information = reason not in ("", ALWAYS_OPEN, "always_closed")
    return f"{status.availability_status}" + (f" ({reason})" if adds_information else "")
