"""The commands `aircall-exporter users` and `switch`: who is who, and making somebody (un)available."""

import argparse
import sys
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.aircall.errors import REJECTED, ApiError, CredentialError
from exporter.aircall.objects import UserStatus
from exporter.archive.records import Doing
from exporter.polling.reads import UserApi
from exporter.terminal import listing
from exporter.terminal.confirming import is_confirmed
from exporter.terminal.listing import shown_time
from exporter.users.asker import Asker
from exporter.users.people import Person, alike, everybody, meant, statuses
from exporter.users.switching import (
    TARGETS,
    OnAutoError,
    SwitchError,
    UnknownUserError,
    decide,
    look,
    put,
)
from exporter.yamlfile import short

DONE, FAILED, NOBODY, ON_AUTO, NOT_CONFIRMED = 0, 1, 3, 4, 130
"""Exit codes; 2 is a wrong flag or configuration."""


class NobodyMeantError(SwitchError):
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


def list_users(arguments: argparse.Namespace, asker: Asker, doing: Doing) -> int:
    """Print all users; gives the exit code. `doing` is what an exporter saw them do a moment ago."""
    zone = UTC if arguments.utc else None
    try:
        people = [_since(person, doing) for person in asker.run(everybody(UserApi()))]
    except ApiError as error:
        return _said("users", _why(error), FAILED)
    if arguments.format == "json":
        listing.as_json(_row(person, zone) for person in people)
    elif arguments.format == "csv":
        rows = (_row(person, zone) | {"teams": ", ".join(person.teams)} for person in people)
        listing.as_csv(Person.__struct_fields__, rows)
    else:
        columns = ("id", "name", "e-mail", "teams", "state", "since", "status", "substatus")
        listing.as_table(columns, (_cells(person, zone) for person in people))
    return DONE


def switch(arguments: argparse.Namespace, asker: Asker) -> int:
    """Switch a user; gives the exit code. Raises ValueError where nobody is there to be asked."""
    try:
        return _switch(arguments, asker)
    except NobodyMeantError as error:
        return _said("switch", str(error), NOBODY)
    except OnAutoError as error:
        return _said("switch", str(error), ON_AUTO)
    except SwitchError as error:
        return _said("switch", str(error), FAILED)
    except ApiError as error:
        return _said("switch", _why(error), FAILED)


def _switch(arguments: argparse.Namespace, asker: Asker) -> int:
    api = UserApi()
    status = _find(arguments.user, api, asker)
    target = decide(status, arguments.target)
    who = f"{status.label} ({status.id})"
    if status.availability_status == target:
        print(f"{who} is {target} already")
        return DONE
    if not (arguments.yes or is_confirmed(f"{who} is {_now(status)}. Make this user {target}?")):
        print("nothing is changed")
        return NOT_CONFIRMED
    switched = asker.run(put(api, status, target))
    print(f"{who} is {target} now, was {switched.before}")
    return DONE


def _find(wanted: str, api: UserApi, asker: Asker) -> UserStatus:
    """Whoever is meant, for one request if by id. Raises NobodyMeantError."""
    if wanted.isascii() and wanted.isdecimal():
        try:
            return asker.run(look(api, int(wanted)))
        except UnknownUserError:
            pass  # somebody's name may be a number
    users = asker.run(statuses(api))
    found = meant(users, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{short(wanted)} is the name of {len(found)} users, say which by id or e-mail address:"
        raise NobodyMeantError("\n".join((problem, *map(_candidate, found))))
    candidates = alike(users, wanted)
    problem = f"nobody has the id, e-mail address or name {short(wanted)}"
    raise NobodyMeantError(
        "\n".join((problem + ("; alike are:" if candidates else ""), *map(_candidate, candidates)))
    )


def _candidate(user: UserStatus) -> str:
    return f"  {user.id}  {user.label}  {user.email or ''}".rstrip()


def _now(status: UserStatus) -> str:
    """Status and reason, where the one does not say the other."""
    told = status.substatus if status.substatus not in (None, "always_open", "always_closed") else ""
    return f"{status.availability_status}" + (f" ({told})" if told else "")


def _since(person: Person, doing: Doing) -> Person:
    """Him with the time of the state that he is in still."""
    state, since = doing.get(person.id, ("", 0.0))
    return structs.replace(person, since=since) if state == person.state else person


def _row(person: Person, zone: tzinfo | None) -> dict[str, object]:
    since = None if person.since is None else shown_time(int(person.since), zone)
    return structs.asdict(person) | {"since": since}


def _cells(person: Person, zone: tzinfo | None) -> tuple[str, ...]:
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


def _why(error: ApiError) -> str:
    if isinstance(error, CredentialError):
        return REJECTED
    return f"Aircall cannot be asked now: {error}"


def _said(command: str, problem: str, code: int) -> int:
    print(f"aircall-exporter: {command}: {problem}", file=sys.stderr)
    return code
