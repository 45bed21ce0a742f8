"""Implement the commands `aircall-exporter users` and `switch`."""

import argparse
import sys
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.account.records import UserStates
from exporter.aircall.errors import CREDENTIAL_REJECTED, ApiError, CredentialError
from exporter.aircall.models import UserStatus
from exporter.cli import output
from exporter.cli.api_runner import ApiRunner
from exporter.cli.output import shown_time
from exporter.cli.prompt import confirm
from exporter.cli.user_lookup import UserInfo, list_statuses, list_users, match_users, similar_users
from exporter.polling.availability import (
    TARGETS,
    AutoStatusError,
    SwitchError,
    UnknownUserError,
    choose_target,
    fetch_status,
    set_status,
)
from exporter.polling.fetchers import UserApi
from exporter.text import truncate

DONE, FAILED, EXIT_NO_MATCH, ON_AUTO, NOT_CONFIRMED = 0, 1, 3, 4, 130
"""Exit codes; 2 is a wrong flag or configuration."""


class NoMatchError(SwitchError):
    """No user matches, or several do. The text has a line for each candidate."""


def add_flags(users: argparse.ArgumentParser, switch: argparse.ArgumentParser) -> None:
    """Add the flags of both commands."""
    users.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    users.add_argument("--utc", action="store_true", help="times are UTC; local otherwise")
    switch.add_argument("user", metavar="USER", help="id, e-mail address or full name")
    switch.add_argument(
        "target",
        nargs="?",
        choices=TARGETS,
        help="new availability (default: toggle)",
    )
    switch.add_argument("--yes", action="store_true", help="switch without confirmation")


def run_users(arguments: argparse.Namespace, runner: ApiRunner, states: UserStates) -> int:
    """Print all users and return the exit code. `states` are the states that the exporter last observed."""
    zone = UTC if arguments.utc else None
    try:
        found = [_with_since(user, states) for user in runner.run(list_users(UserApi()))]
    except ApiError as error:
        return _fail("users", _reason(error), FAILED)
    if arguments.format == "json":
        output.as_json(_row(user, zone) for user in found)
    elif arguments.format == "csv":
        rows = (_row(user, zone) | {"teams": ", ".join(user.teams)} for user in found)
        output.as_csv(UserInfo.__struct_fields__, rows)
    else:
        columns = ("id", "name", "e-mail", "teams", "state", "since", "status", "substatus")
        output.as_table(columns, (_cells(user, zone) for user in found))
    return DONE


def run_switch(arguments: argparse.Namespace, runner: ApiRunner) -> int:
    """Switch a user and return the exit code. Raises ValueError if no terminal is there for confirmation."""
    try:
        return _switch(arguments, runner)
    except NoMatchError as error:
        return _fail("switch", str(error), EXIT_NO_MATCH)
    except AutoStatusError as error:
        return _fail("switch", str(error), ON_AUTO)
    except SwitchError as error:
        return _fail("switch", str(error), FAILED)
    except ApiError as error:
        return _fail("switch", _reason(error), FAILED)


def _switch(arguments: argparse.Namespace, runner: ApiRunner) -> int:
    api = UserApi()
    status = _find(arguments.user, api, runner)
    target = choose_target(status, arguments.target)
    who = f"{status.label} ({status.id})"
    if status.availability_status == target:
        print(f"{who} is {target} already")
        return DONE
    if not (arguments.yes or confirm(f"{who} is {_now(status)}. Make this user {target}?")):
        print("nothing is changed")
        return NOT_CONFIRMED
    switched = runner.run(set_status(api, status, target))
    print(f"{who} is {target} now, was {switched.before}")
    return DONE


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
    problem = f"nobody has the id, e-mail address or name {truncate(text)}"
    raise NoMatchError(
        "\n".join((problem + ("; alike are:" if candidates else ""), *map(_candidate, candidates)))
    )


def _candidate(user: UserStatus) -> str:
    return f"  {user.id}  {user.label}  {user.email or ''}".rstrip()


def _now(status: UserStatus) -> str:
    """Return the status, with the substatus if that adds information."""
    reason = status.substatus if status.substatus not in (None, "always_open", "always_closed") else ""
    return f"{status.availability_status}" + (f" ({reason})" if reason else "")


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


def _reason(error: ApiError) -> str:
    if isinstance(error, CredentialError):
        return CREDENTIAL_REJECTED
    return f"Aircall cannot be asked now: {error}"


def _fail(command: str, problem: str, code: int) -> int:
    print(f"aircall-exporter: {command}: {problem}", file=sys.stderr)
    return code
