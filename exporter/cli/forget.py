"""Implement the command `aircall-exporter forget`, which erases a caller, also while an exporter runs."""

import argparse

from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.archive.text_index import digits_only
from exporter.cli.prompt import confirm

FORGOTTEN, NOTHING, NOT_CONFIRMED = 0, 1, 130
"""Exit codes; 2 is a wrong flag, or an archive that cannot be changed."""

MAX_PURGE_ATTEMPTS = 3
"""How often purging the removed data is attempted while searches read the archive."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("number", metavar="NUMBER", help="as Aircall shows it, with its country code")
    parser.add_argument("--yes", action="store_true", help="forget without confirmation")
    parser.add_argument("--dry-run", action="store_true", help="only print how many calls would change")


def run(arguments: argparse.Namespace, archive: Archive, now: float) -> int:
    """Erase a caller, and return the exit code. Raises ArchiveError and ValueError."""
    number = arguments.number
    if not digits_only(number):
        raise ValueError("NUMBER: found no digit in it, wanted a phone number")
    calls = archive.count_calls_of(number)
    if arguments.dry_run:
        print(f"{_counted(calls)} would be changed")
        return FORGOTTEN if calls else NOTHING
    if not (arguments.yes or _is_confirmed(calls)):
        print("nothing changed")
        return NOT_CONFIRMED
    changed = archive.erase(number, int(now))
    _purge(archive)
    print(f"{_counted(changed)} changed; later calls of this caller are archived without personal data")
    return FORGOTTEN if changed else NOTHING


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
