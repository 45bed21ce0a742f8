"""Implement the command `aircall-exporter call`, which prints the journey of an archived call."""

import argparse
from contextlib import closing
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.archive.journeys import Journey, journey
from exporter.cli import argtypes, output
from exporter.cli.call_table import length
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers
from exporter.cli.output import print_problem, shown_time

_COLUMNS = ("time", "after", "step", "user", "lasted", "detail")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "call",
        help="print the steps of an archived call",
        epilog="Events and call timelines report the steps. The step `unknown` names what nothing reports.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("id", type=argtypes.call_id, metavar="ID", help="id of the call")
    parser.add_argument("--format", choices=tuple(_SHOWN), default="table", help="default: %(default)s")
    parser.add_argument("--utc", action="store_true", help="times are UTC")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the steps of the call. Raises ArchiveError."""
    with closing(existing_archive(arguments)) as archive, archive.searching() as connection:
        found = journey(connection, arguments.id)
    if found is None:
        print_problem("call", f"the archive has no call {arguments.id}")
        return ExitCode.NOT_FOUND
    _SHOWN[arguments.format](found, UTC if arguments.utc else None)
    return ExitCode.SUCCESS


def _as_table(found: Journey, zone: tzinfo | None) -> None:
    call = found.call
    facts = call.direction, call.outcome or call.status, call.number, call.caller, ", ".join(call.tags)
    print(f"call {call.id}: {', '.join(filter(None, facts))}")
    rows = (
        (
            shown_time(step.at, zone)[:19],
            length(max(0, step.at - call.started_at)),
            step.name.replace("_", " "),
            step.user,
            length(step.seconds),
            step.detail.replace("_", " "),
        )
        for step in found.steps
    )
    output.as_table(_COLUMNS, rows)


def _as_json(found: Journey, zone: tzinfo | None) -> None:
    output.as_json(structs.asdict(step) | {"at": shown_time(step.at, zone)} for step in found.steps)


_SHOWN = {"table": _as_table, "json": _as_json}
