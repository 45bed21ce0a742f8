"""The commands `aircall-exporter users` and `switch`: who is who, and making somebody (un)available."""

import argparse
import sys
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.admin.availability import (
    TARGETS,
    AutoStatusError,
    SwitchError,
    UnknownUserError,
    choose_target,
    fetch_status,
    set_status,
)
from exporter.admin.runner import ApiRunner
from exporter.admin.user_lookup import UserInfo, list_statuses, list_users, match_users, similar_users
from exporter.aircall.errors import CREDENTIAL_REJECTED, ApiError, CredentialError
from exporter.aircall.models import UserStatus
from exporter.archive.records import UserStates
from exporter.config_file import truncate
from exporter.polling.fetchers import UserApi
from exporter.terminal import output
from exporter.terminal.output import shown_time
from exporter.terminal.prompt import confirm

DONE, FAILED, EXIT_NO_MATCH, ON_AUTO, NOT_CONFIRMED = 0, 1, 3, 4, 130
"""Exit codes; 2 is a wrong flag or configuration."""


class NoMatchError(SwitchError):
    """Nobody is called so, or several are; the text has a line for each candidate."""


def add_flags(users: argparse.ArgumentParser, switch: argparse.ArgumentParser) -> None:
    """How to list, whom to switch."""
    users.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    users.add_argument("--utc", action="store_true", help="times are UTC; local otherwise")
    switch.add_argument("user", metavar="USER", help="by id, e-mail address or whole name")
    switch.add_argument(
        "target",
        nargs="?",
        choices=TARGETS,
        help="what the user is to be (default: the other one of the two)",
    )
    switch.add_argument("--yes", action="store_true", help="switch without asking")


def run_users(arguments: argparse.Namespace, asker: ApiRunner, doing: UserStates) -> int:
    """Print all users; gives the exit code. `doing` is what an exporter saw them do a moment ago."""
    zone = UTC if arguments.utc else None
    try:
        people = [_since(person, doing) for person in asker.run(list_users(UserApi()))]
    except ApiError as error:
        return _fail("users", _reason(error), FAILED)
    if arguments.format == "json":
        output.as_json(_row(person, zone) for person in people)
    elif arguments.format == "csv":
        rows = (_row(person, zone) | {"teams": ", ".join(person.teams)} for person in people)
        output.as_csv(UserInfo.__struct_fields__, rows)
    else:
        columns = ("id", "name", "e-mail", "teams", "state", "since", "status", "substatus")
        output.as_table(columns, (_cells(person, zone) for person in people))
    return DONE


def run_switch(arguments: argparse.Namespace, asker: ApiRunner) -> int:
    """Switch a user; gives the exit code. Raises ValueError where nobody is there to be asked."""
    try:
        return _switch(arguments, asker)
    except NoMatchError as error:
        return _fail("switch", str(error), EXIT_NO_MATCH)
    except AutoStatusError as error:
        return _fail("switch", str(error), ON_AUTO)
    except SwitchError as error:
        return _fail("switch", str(error), FAILED)
    except ApiError as error:
        return _fail("switch", _reason(error), FAILED)


def _switch(arguments: argparse.Namespace, asker: ApiRunner) -> int:
    api = UserApi()
    status = _find(arguments.user, api, asker)
    target = choose_target(status, arguments.target)
    who = f"{status.label} ({status.id})"
    if status.availability_status == target:
        print(f"{who} is {target} already")
        return DONE
    if not (arguments.yes or confirm(f"{who} is {_now(status)}. Make this user {target}?")):
        print("nothing is changed")
        return NOT_CONFIRMED
    switched = asker.run(set_status(api, status, target))
    print(f"{who} is {target} now, was {switched.before}")
    return DONE


def _find(wanted: str, api: UserApi, asker: ApiRunner) -> UserStatus:
    """Whoever is meant, for one request if by id. Raises NobodyMeantError."""
    if wanted.isascii() and wanted.isdecimal():
        try:
            return asker.run(fetch_status(api, int(wanted)))
        except UnknownUserError:
            pass  # somebody's name may be a number
    users = asker.run(list_statuses(api))
    found = match_users(users, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{truncate(wanted)} is the name of {len(found)} users, say which by id or e-mail address:"
        raise NoMatchError("\n".join((problem, *map(_candidate, found))))
    candidates = similar_users(users, wanted)
    problem = f"nobody has the id, e-mail address or name {truncate(wanted)}"
    raise NoMatchError(
        "\n".join((problem + ("; alike are:" if candidates else ""), *map(_candidate, candidates)))
    )


def _candidate(user: UserStatus) -> str:
    return f"  {user.id}  {user.label}  {user.email or ''}".rstrip()


def _now(status: UserStatus) -> str:
    """Status and reason, where the one does not say the other."""
    told = status.substatus if status.substatus not in (None, "always_open", "always_closed") else ""
    return f"{status.availability_status}" + (f" ({told})" if told else "")


def _since(person: UserInfo, doing: UserStates) -> UserInfo:
    """Him with the time of the state that he is in still."""
    state, since = doing.get(person.id, ("", 0.0))
    return structs.replace(person, since=since) if state == person.state else person


def _row(person: UserInfo, zone: tzinfo | None) -> dict[str, object]:
    since = None if person.since is None else shown_time(int(person.since), zone)
    return structs.asdict(person) | {"since": since}


def _cells(person: UserInfo, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        str(person.id),
        person.name,
        person.email,
        ", ".join(person.teams),
        person.state,
        "" if person.since is None else shown_time(int(person.since), zone)[:19],
        person.status,
        person.substatus,
    )


def _reason(error: ApiError) -> str:
    if isinstance(error, CredentialError):
        return CREDENTIAL_REJECTED
    return f"Aircall cannot be asked now: {error}"


def _fail(command: str, problem: str, code: int) -> int:
    print(f"aircall-exporter: {command}: {problem}", file=sys.stderr)
    return code
