"""Implement the command `aircall-exporter report`, which prints figures of archived calls by interval."""

import argparse
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import tzinfo

from msgspec import structs

from exporter.archive.criteria import CriterionError
from exporter.cli import argtypes, output
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command, add_config_flag
from exporter.cli.formats import Listing, Row, add_format_flags, print_rows
from exporter.cli.output import Column, print_problem
from exporter.config.loader import load_figures
from exporter.config.settings import Settings
from exporter.report.columns import TITLES, cells, notes_on_teams, shown_columns
from exporter.report.html_page import html_page
from exporter.report.parameters import PARAMETERS, By, Parameter, parse_request
from exporter.report.rows import Report, ReportRow, report
from exporter.text import truncate

_NOTE = (
    "Staffed and available time and occupancy are as the exporter observed them while it ran. An interval is"
    " aligned to local time, in today.time_zone if that is configured."
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with a flag for each parameter of a report."""
    parser = add_command(subparsers, run, "report", "print figures of archived calls by interval", note=_NOTE)
    for parameter in PARAMETERS:
        flag = f"--{parameter.name}"
        if parameter.name == "utc":
            parser.add_argument(flag, action="store_const", const=["true"], help="times are UTC, in and out")
            continue
        parser.add_argument(flag, action="append", metavar=_metavar(parameter), help=parameter.meaning)
    add_format_flags(parser)
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the report. Raises ArchiveError, ConfigError, and UsageError for an invalid parameter."""
    settings = load_figures(arguments.config)
    given = {parameter.name: argtypes.texts(getattr(arguments, parameter.name)) for parameter in PARAMETERS}
    try:
        request = parse_request(given, time.time(), settings.today)
        with closing(existing_archive(arguments)) as archive, archive.searching() as connection:
            made = report(connection, settings, request)
    except CriterionError as error:
        raise UsageError(f"--{error.parameter}: {error.problem}") from None
    for problem in _unapplied(settings, made.by):
        print_problem("report", problem)
    for note in notes_on_teams(made):
        print_problem("report", note)
    if not made.rows:
        whose = "calls" if made.by == "company" else f"calls that belong to a {made.by}"
        print_problem("report", f"the archive has no {whose} from {made.since} to {made.until}")
        return ExitCode.NOT_FOUND
    _print(made, arguments)
    return ExitCode.SUCCESS


def _unapplied(settings: Settings, by: By) -> Iterator[str]:
    """Yield a problem for each excluded user whom the archive cannot identify."""
    for name in settings.exclude_users if by in ("user", "team") else ():
        if "@" in str(name):
            expected = "expected a name or id, as the archive has no e-mail addresses"
            yield f"exclude_users: {truncate(name)} is not applied, {expected}"


def _print(made: Report, arguments: argparse.Namespace) -> None:
    """Print the rows. The web page also has charts."""
    shown = shown_columns(made)
    columns = [_column(name) for name in shown]

    def cells_of(row: ReportRow, _: tzinfo | None) -> tuple[str, ...]:
        return cells(row, shown)

    def row_of(row: ReportRow, _: tzinfo | None) -> Row:
        return structs.asdict(row)

    if arguments.format == "html":
        output.as_text(html_page(made))
    else:
        listing = Listing("Report", columns, cells_of, ReportRow.__struct_fields__, row_of)
        print_rows(listing, made.rows, arguments, None)


_FROM_WIDTH = {
    "average_handle_seconds": 95,
    "abandoned": 110,
    "outbound": 120,
    "longest_wait_seconds": 130,
    "talk_seconds": 130,
    "average_abandon_seconds": 140,
    "average_after_call_work_seconds": 145,
    "called_again_day": 145,
    "called_again_week": 150,
    "id": 160,
    "occupancy": 165,
    "inbound": 170,
    "staffed_seconds": 180,
    "available_seconds": 190,
}
"""The width of the terminal, in characters, from which on a column is shown; the others always are."""


def _column(name: str) -> Column:
    return Column(TITLES[name], _FROM_WIDTH.get(name, 0), "cut" if name == "name" else "whole")


def _metavar(parameter: Parameter) -> str:
    return "|".join(parameter.options) if parameter.options else parameter.name.upper()
