"""The command `aircall-exporter forget`: removes a person from the archive, whoever runs on it meanwhile."""

import argparse

from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.archive.text_index import digits_only
from exporter.terminal.prompt import confirm

FORGOTTEN, NOTHING, NOT_CONFIRMED = 0, 1, 130
"""Exit codes; 2 is a wrong flag, or an archive that cannot be changed."""

TRIES = 3
"""How often what was removed is scrubbed away, where somebody reads the archive at that moment."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Whom, and how."""
    parser.add_argument("number", metavar="NUMBER", help="as Aircall shows it, with its country code")
    parser.add_argument("--yes", action="store_true", help="forget without asking")
    parser.add_argument("--dry-run", action="store_true", help="only say how many calls it would change")


def run(arguments: argparse.Namespace, archive: Archive, now: float) -> int:
    """Forget a caller; gives the exit code. Raises ArchiveError, and ValueError where nobody can be meant."""
    number = arguments.number
    if not digits_only(number):
        raise ValueError("NUMBER: found no digit in it, wanted a phone number")
    kept = archive.count_calls_of(number)
    if arguments.dry_run:
        print(f"{_counted(kept)} would be changed")
        return FORGOTTEN if kept else NOTHING
    if not (arguments.yes or _is_confirmed(kept)):
        print("nothing is changed")
        return NOT_CONFIRMED
    changed = archive.erase(number, int(now))
    _scrub(archive)
    print(f"{_counted(changed)} changed; what is read of this caller from now on is kept without him")
    return FORGOTTEN if changed else NOTHING


def _is_confirmed(kept: int) -> bool:
    loses = "their caller, comments, tags, assignee and the way to recordings"
    return confirm(f"{_counted(kept)} will lose {loses}. This cannot be undone. Go on?")


def _scrub(archive: Archive) -> None:
    for _ in range(TRIES):
        if archive.purge_deleted_data():
            return
    raise ArchiveError(
        "the caller is forgotten, but somebody reads the archive all the time, and so what was removed is"
        " still in its log; give the command again"
    )


def _counted(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"
