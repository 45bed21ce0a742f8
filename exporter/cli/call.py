"""Implement the command `aircall-exporter call`, which prints the journey of an archived call."""

import argparse
from contextlib import closing
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.archive.journeys import JourneyStep, journey
from exporter.archive.search import CallResult
from exporter.cli import argtypes
from exporter.cli.call_table import length
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.formats import Listing, Row, add_format_flags, print_rows
from exporter.cli.output import Column, print_problem, shown_time, with_shown_times


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        run,
        "call",
        "print the steps of an archived call",
        note="Events and call timelines report the steps. The step `unknown` names what nothing reports.",
    )
    parser.add_argument("id", type=argtypes.call_id, metavar="ID", help="id of the call")
    add_format_flags(parser)
    parser.add_argument("--utc", action="store_true", help="times are UTC")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the steps of the call. Raises ArchiveError."""
    with closing(existing_archive(arguments)) as archive, archive.searching() as connection:
        found = journey(connection, arguments.id)
    if found is None:
        print_problem("call", f"the archive has no call {arguments.id}")
        return ExitCode.NOT_FOUND
    if arguments.format == "table":
        print(_in_words(found.call))
    print_rows(_STEPS, found.steps, arguments, UTC if arguments.utc else None)
    return ExitCode.SUCCESS


def _in_words(call: CallResult) -> str:
    facts = call.direction, call.outcome or call.status, call.number, call.caller, ", ".join(call.tags)
    return f"call {call.id}: {', '.join(filter(None, facts))}"


def _cells(step: JourneyStep, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        shown_time(step.at, zone)[:19],
        length(step.after),
        step.name.replace("_", " "),
        step.user,
        length(step.seconds),
        step.detail.replace("_", " "),
    )


def _row(step: JourneyStep, zone: tzinfo | None) -> Row:
    return with_shown_times(structs.asdict(step), ("at",), zone)


_COLUMNS = [Column(title) for title in ("time", "after", "step", "user", "lasted", "detail")]
_STEPS = Listing("Journey of a call", _COLUMNS, _cells, JourneyStep.__struct_fields__, _row)
