"""Implement the command `aircall-exporter call-backs`, which lists the callers who are to be called back."""

import argparse
import time
from contextlib import closing
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.archive.call_back_list import CallBack, CallBackList, list_call_backs
from exporter.archive.criteria import Criteria, CriterionError
from exporter.archive.suggestions import hints, reject_shared_names
from exporter.cli import argtypes
from exporter.cli.call_table import length
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.formats import Listing, Row, add_format_flags, print_rows
from exporter.cli.output import Column, print_problem, shown_time, with_shown_times
from exporter.durations import Duration

_COLUMNS = (
    Column("missed", fit="whole"),
    Column("caller", fit="whole"),
    Column("number", fit="cut"),
    Column("calls", fit="whole"),
    Column("reason", 110, "cut"),
    Column("waited", fit="whole"),
    Column("attempts", 100, "whole"),
    Column("voicemail", fit="whole"),
    Column("assigned to", 100, "cut"),
    Column("teams", 160, "cut"),
    Column("latest", 180, "whole"),
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        run,
        "call-backs",
        "list missed callers who have not talked to a user since",
        note="The list is by the settings of the exporter (call_backs) that runs on the archive.",
    )
    for name, who in (("number", "who called this number"), ("team", "who called a number of this team")):
        parser.add_argument(
            f"--{name}",
            action="append",
            metavar=name.upper(),
            help=f"only callers {who}, by name or id; may be given again",
        )
    add_format_flags(parser)
    parser.add_argument(
        "--limit", type=argtypes.count, metavar="N", help="maximum number of callers, oldest first"
    )
    parser.add_argument("--utc", action="store_true", help="times are UTC")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the list. Raises ArchiveError, ConfigError, and UsageError for an invalid name."""
    zone = UTC if arguments.utc else None
    numbers, teams = argtypes.texts(arguments.number), argtypes.texts(arguments.team)
    try:
        criteria = Criteria(0, 0, numbers=tuple(numbers), teams=tuple(teams))
    except CriterionError as error:
        raise UsageError(f"--{error.parameter}: {error.problem}") from None
    with closing(existing_archive(arguments)) as archive, archive.searching() as connection:
        try:
            reject_shared_names(connection, criteria)
        except CriterionError as error:
            print_problem("call-backs", f"--{error.parameter}: {error.problem}")
            return ExitCode.NOT_FOUND
        found = list_call_backs(connection, time.time(), numbers, teams, arguments.limit)
        for parameter, hint in hints(connection, criteria):
            print_problem("call-backs", f"--{parameter}: {hint}")
    if not found.total:
        print_problem("call-backs", f"nobody is to be called back{_anonymous(found)}")
    if found.total or arguments.format != "table":
        print_rows(_CALL_BACKS, found.call_backs, arguments, zone)
    if found.total and arguments.format == "table":
        print(_in_words(found))
    return ExitCode.SUCCESS if found.total else ExitCode.NOT_FOUND


def _cells(each: CallBack, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        shown_time(each.first_missed_at, zone)[:16],
        each.caller,
        ", ".join(each.numbers),
        str(each.missed),
        each.reason,
        length(each.longest_wait),
        str(each.attempts or ""),
        "yes" if each.voicemail else "",
        each.assigned_to,
        ", ".join(each.teams),
        shown_time(each.last_missed_at, zone)[:16],
    )


def _in_words(found: CallBackList) -> str:
    callers = "1 caller" if found.total == 1 else f"{found.total} callers"
    oldest = "" if found.oldest_missed_at is None else f"; oldest {_age(found.oldest_missed_at)} ago"
    return f"{callers} to call back, {found.voicemails} with a voicemail{oldest}{_anonymous(found)}"


def _age(at: int) -> str:
    return str(Duration(max(60, round(time.time() - at) // 60 * 60)))


def _anonymous(found: CallBackList) -> str:
    calls = "1 missed call" if found.anonymous == 1 else f"{found.anonymous} missed calls"
    return f"; {calls} of anonymous callers" if found.anonymous else ""


def _row(each: CallBack, zone: tzinfo | None) -> Row:
    return with_shown_times(
        structs.asdict(each), ("first_missed_at", "last_missed_at", "last_attempt_at"), zone
    )


_CALL_BACKS = Listing("Callers to call back", _COLUMNS, _cells, CallBack.__struct_fields__, _row)
