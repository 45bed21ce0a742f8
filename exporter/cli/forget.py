"""Implement the command `aircall-exporter forget`, which erases a caller, also while an exporter runs."""

import argparse
import time
from contextlib import closing

from exporter.aircall.data_limits import MAX_TEXT_LENGTH
from exporter.archive.caller_identity import identity
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command
from exporter.cli.prompt import confirm
from exporter.text import truncate

MAX_PURGE_ATTEMPTS = 3
"""How often purging the removed data is attempted while searches read the archive."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(subparsers, run, "forget", "erase a caller from archived calls")
    parser.add_argument("number", metavar="NUMBER", help="as Aircall shows it, with its country code")
    parser.add_argument("--yes", action="store_true", help="forget without confirmation")
    parser.add_argument("--dry-run", action="store_true", help="only print how many calls would change")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Erase a caller. Raises ArchiveError, ConfigError and UsageError."""
    with closing(existing_archive(arguments)) as archive:
        return _forget(arguments, archive)


def _forget(arguments: argparse.Namespace, archive: Archive) -> ExitCode:
    number = arguments.number
    if not identity(number) or len(number) > MAX_TEXT_LENGTH:
        raise UsageError(f"NUMBER: found {truncate(number)}, expected a phone number or an address")
    calls = archive.count_calls_of(number)
    if arguments.dry_run:
        print(f"{_counted(calls)} would be changed")
        return ExitCode.SUCCESS if calls else ExitCode.NOT_FOUND
    if not (arguments.yes or _is_confirmed(calls)):
        print("nothing changed")
        return ExitCode.INTERRUPTED
    changed = archive.erase(number, int(time.time()))
    _purge(archive)
    print(f"{_counted(changed)} changed; later calls of this caller are archived without personal data")
    return ExitCode.SUCCESS if changed else ExitCode.NOT_FOUND


def _is_confirmed(calls: int) -> bool:
    loses = "their caller, comments, tags, assignee and links to recordings"
    return confirm(f"{_counted(calls)} will lose {loses}. This cannot be undone. Continue?")


def _purge(archive: Archive) -> None:
    for _ in range(MAX_PURGE_ATTEMPTS):
        if archive.purge_deleted_data():
            return
    raise ArchiveError(
        "the caller is erased, but removed data is still in the archive's log, because searches are reading"
        " the archive; run the command again"
    )


def _counted(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"
