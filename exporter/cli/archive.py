"""Implement the command `aircall-exporter archive`: back up the call archive."""

import argparse
from contextlib import closing
from pathlib import Path

from exporter.archive.store import Archive
from exporter.cli.existing_archive import existing_archive
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import Subparsers, add_command, add_config_flag


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with its steps."""
    parser = add_command(subparsers, run, "archive", "back up the call archive")
    add_config_flag(parser)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    backup = steps.add_parser("backup", help="copy a SQLite archive, also while an exporter writes to it")
    backup.add_argument("file", metavar="FILE", type=Path, help="name of the copy, which must not exist")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Copy the archive. Raises ArchiveError, ConfigError and UsageError."""
    with closing(existing_archive(arguments)) as archive:
        return _back_up(archive, arguments.file)


def _back_up(archive: Archive, to: Path) -> ExitCode:
    if archive.file is None:
        raise UsageError(
            "backup: found an archive on PostgreSQL, expected a SQLite file;"
            " use pg_dump --format=custom --file=FILE DATABASE"
        )
    try:
        archive.back_up(to)
    except FileExistsError:
        raise UsageError(f"FILE: {to} exists, expected the name of a new file") from None
    except OSError as error:
        raise UsageError(f"FILE: {to} cannot be created: {error.strerror}") from None
    print(f"{archive.location} is copied to {to.resolve()} ({to.stat().st_size} bytes)")
    if archive.key_path is not None:
        key = archive.key_path.resolve()
        print(f"The copy does not have the key of its callers. Keep {key} too, apart from it.")
    return ExitCode.SUCCESS
