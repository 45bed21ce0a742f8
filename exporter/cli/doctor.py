"""Implement the command `aircall-exporter doctor`: report what the account provides, and what to repair."""

import argparse
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, tzinfo

from msgspec import structs

from exporter.account.coverage import gaps
from exporter.archive.create_tables import VERSION
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.cli import doctor_checks
from exporter.cli.account_survey import survey
from exporter.cli.api_runner import ApiRunner, api_runner
from exporter.cli.doctor_checks import Check
from exporter.cli.existing_archive import HEARTBEAT_TIMEOUT_S, existing_archive, has_running_exporter
from exporter.cli.exit_codes import ExitCode
from exporter.cli.flags import Subparsers, add_command, add_config_flag
from exporter.cli.formats import Listing, Row, add_format_flags, print_rows
from exporter.cli.output import Column, shown_time
from exporter.cli.permissions import is_open_to_all
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.logs import configure_logs


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers, run, "doctor", "check the account, the rate limit, the clock and the archive"
    )
    add_format_flags(parser)
    add_config_flag(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print all checks. Raises ConfigError. The exit code is FAILED if a check has found a problem."""
    settings = load(arguments.config)
    configure_logs("warn", arguments.log_format, settings.secrets)
    is_running, archive = _archive(arguments, settings)
    with api_runner(settings.aircall, shared=is_running) as runner:
        checks = [*_account(runner, settings), archive]
    print_rows(_CHECKS, checks, arguments, None)
    return ExitCode.FAILED if any(each.result == "problem" for each in checks) else ExitCode.SUCCESS


def _account(runner: ApiRunner, settings: Settings) -> Iterator[Check]:
    found = survey(runner)
    credential = doctor_checks.credential(found)
    yield credential
    if credential.result == "problem":
        return
    yield from doctor_checks.users_api(found)
    yield from doctor_checks.lists(found)
    yield from doctor_checks.timelines(found)
    yield from doctor_checks.webhook(found, settings)
    yield doctor_checks.rate_limit(runner.budget, settings.aircall)
    yield doctor_checks.clock(runner.server_clock.date_ahead)
    yield from doctor_checks.unknown_names(found)


def _archive(arguments: argparse.Namespace, settings: Settings) -> tuple[bool, Check]:
    """Return whether an exporter runs on the archive, and the check of the archive."""
    try:
        with closing(existing_archive(arguments)) as archive:
            is_running = has_running_exporter(archive)
            return is_running, _opened(archive, is_running)
    except ArchiveError as error:
        if settings.storage.url:
            return False, Check("archive", "problem", str(error), "see docs/archive.md")
        remedy = "name its directory with --storage.path; the first start of the exporter creates it"
        return False, Check("archive", "warning", str(error), remedy)


def _opened(archive: Archive, is_running: bool) -> Check:
    size, progress = archive.size(), archive.progress()
    parts = [f"{archive.location}", f"version {VERSION}", f"{size / 1e6:.1f} MB"]
    if progress is not None and progress.covered:
        first, last = (shown_time(at, UTC) for at in (progress.covered[0][0], progress.covered[-1][1]))
        missing = len(gaps(progress.covered, progress.wanted_from))
        parts.append(f"calls from {first} to {last}, {missing} {'gap' if missing == 1 else 'gaps'}")
    else:
        parts.append("no calls yet")
    parts.append(
        "an exporter runs" if is_running else f"no exporter has saved for {HEARTBEAT_TIMEOUT_S:.0f} s"
    )
    if archive.file is not None and is_open_to_all(archive.file):
        fix = f"chmod o-r {archive.file}*"
        return Check("archive", "warning", f"{', '.join(parts)}; all users of this machine can read it", fix)
    return Check("archive", "ok", ", ".join(parts))


def _row(check: Check, _: tzinfo | None) -> Row:
    return structs.asdict(check)


def _cells(check: Check, _: tzinfo | None) -> tuple[str, ...]:
    return (check.check, check.result, check.detail, check.remedy)


_CHECKS = Listing("Checks", list(map(Column, Check.__struct_fields__)), _cells, Check.__struct_fields__, _row)
