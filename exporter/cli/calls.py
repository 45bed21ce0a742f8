"""Implement the command `aircall-exporter calls`, which searches the archive."""

import argparse
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from itertools import islice

from exporter.archive.criteria import PARAMETERS, CriterionError, Parameter
from exporter.archive.parsing import TIME_FORMATS, parse_criteria
from exporter.archive.search import ORDERS, CallResult, Order, longest, search, totals
from exporter.archive.store import Archive
from exporter.archive.suggestions import all_hints, reject_shared_names
from exporter.cli import argtypes
from exporter.cli.call_table import CALLS, in_words
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.formats import add_format_flags, print_rows
from exporter.cli.output import print_problem

MAX_SORTED = 100_000
"""Calls that are listed in another order than by time."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with the flags of the criteria and of the output."""
    parser = add_command(subparsers, run, "calls", "search archived calls")
    for parameter in PARAMETERS:
        flag, help_ = _flag(parameter.name), parameter.meaning
        if parameter.kind == "truth":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=help_)
            continue
        several = "; may be given again" if parameter.several else ""
        form = f": {TIME_FORMATS}" if parameter.name == "from" else ""
        parser.add_argument(
            flag,
            action="append",
            required=parameter.name == "from",
            choices=parameter.options or None,
            metavar=None if parameter.options else _metavar(parameter),
            help=f"{help_}{form}{several}",
        )
    add_format_flags(parser)
    parser.add_argument(
        "--limit", type=argtypes.most, default=0, metavar="N", help="maximum number, newest first"
    )
    order = parser.add_mutually_exclusive_group()
    order.add_argument(
        "--sort",
        choices=ORDERS,
        default="started",
        help="order, the newest or longest first (default: started)",
    )
    order.add_argument(
        "--longest",
        type=argtypes.count,
        metavar="N",
        help="the N calls with the longest wait: --sort wait --limit N",
    )
    parser.add_argument("--utc", action="store_true", help="times are UTC, in and out")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Search and print. Raises ArchiveError, ConfigError, and UsageError for an invalid criterion."""
    with closing(existing_archive(arguments)) as archive:
        return _search(arguments, archive)


def _search(arguments: argparse.Namespace, archive: Archive) -> ExitCode:
    zone = UTC if arguments.utc else None
    given = {parameter.name: _texts(getattr(arguments, parameter.name)) for parameter in PARAMETERS}
    try:
        criteria = parse_criteria({name: texts for name, texts in given.items() if texts}, time.time(), zone)
    except CriterionError as error:
        raise UsageError(f"{_flag(error.parameter)}: {error.problem}") from None
    with archive.searching() as connection:
        try:
            reject_shared_names(connection, criteria)
        except CriterionError as error:
            print_problem("calls", f"{_flag(error.parameter)}: {error.problem}")
            return ExitCode.NOT_FOUND
        criteria = archive.with_caller_hashes(connection, criteria)
        order: Order = arguments.sort if arguments.longest is None else "wait"
        limit = arguments.limit if arguments.longest is None else arguments.longest
        found = (
            search(connection, criteria)
            if order == "started"
            else longest(connection, criteria, order, limit or MAX_SORTED)
        )
        counted = _Counted(found, limit)
        print_rows(CALLS, counted, arguments, zone)
        if arguments.format == "table":
            print(in_words(totals(connection, criteria)))
        found_hints = list(all_hints(connection, criteria, bool(counted.count)))
    for parameter, hint in found_hints:
        print_problem("calls", f"{_flag(parameter)}: {hint}" if parameter else hint)
    return ExitCode.SUCCESS if counted.count else ExitCode.NOT_FOUND


def _metavar(parameter: Parameter) -> str:
    return (parameter.name if parameter.kind == "text" else parameter.kind).upper()


def _texts(values: list[str] | bool | None) -> list[str]:
    return [str(values).lower()] if isinstance(values, bool) else argtypes.texts(values)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


class _Counted:
    """Iterate over up to `limit` calls (0: all), and count them."""

    def __init__(self, calls: Iterator[CallResult], limit: int) -> None:
        self._calls = islice(calls, limit) if limit > 0 else calls
        self.count = 0

    def __iter__(self) -> Iterator[CallResult]:
        for call in self._calls:
            self.count += 1
            yield call
