"""Implement the command `aircall-exporter backfill`, which fetches calls of a range into the archive.

If an exporter runs on the same archive, the command requests the range from it and shows its progress,
because both share one request budget. Otherwise the command fetches the calls itself. Fetched calls stay in
either case, so the same command continues where an interrupted one ended.
"""

import argparse
import math
import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import subtract
from exporter.account.records import TimeRange
from exporter.aircall.call_times import API_HISTORY_S
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.errors import CREDENTIAL_REJECTED
from exporter.archive.criteria import Criteria
from exporter.archive.open_archive import opened
from exporter.archive.parsing import parse_time
from exporter.archive.reported_calls import count_with_inferred_teams, count_without_teams
from exporter.archive.search import totals
from exporter.archive.store import Archive
from exporter.archive.suggestions import of_inferred_teams
from exporter.cli.call_table import in_words
from exporter.cli.existing_archive import has_running_exporter
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import STORAGE, Subparsers, add_command
from exporter.cli.signals import Interrupted, interruptible
from exporter.clock import Clock, Clocks, steady_clock
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.logs import configure_logs
from exporter.polling.poller import Poller
from exporter.polling.tasks import MANUAL_BACKFILL
from exporter.text import truncate

if TYPE_CHECKING:
    from exporter.cli.rich_output import ProgressBar

PROGRESS_INTERVAL_S = 1.0
"""Seconds between two checks of the running exporter's progress."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command, with the flags of the range."""
    parser = add_command(subparsers, run, "backfill", "fetch past calls into the archive")
    when = "2026-11-23, 2026-11-23T14:30 (local unless --utc), 30d (that long ago) or now"
    parser.add_argument("--from", dest="since", required=True, metavar="TIME", help=when)
    parser.add_argument("--to", dest="until", default="now", metavar="TIME", help="the same (default: now)")
    parser.add_argument("--utc", action="store_true", help="times are UTC")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Fetch missing calls. Raises ArchiveError, ConfigError, and UsageError for an invalid time."""
    settings = load(arguments.config)
    configure_logs("warning", arguments.log_format, settings.secrets)
    # Also if the terminal is closed, the request to a running exporter must be withdrawn.
    with (
        interruptible(signal.SIGHUP),
        closing(opened(settings.storage, arguments.storage or STORAGE)) as archive,
    ):
        return _backfill(arguments, settings, archive)


def _backfill(arguments: argparse.Namespace, settings: Settings, archive: Archive) -> ExitCode:
    now, zone = time.time(), UTC if arguments.utc else None
    since = _moment("--from", arguments.since, now, zone)
    until = _moment("--to", arguments.until, now, zone)
    reach = min(settings.storage.retention or API_HISTORY_S, API_HISTORY_S)
    span = requested_range(since, until, Duration(reach), now)

    def left() -> int:
        """Return the seconds of the range that are missing, except for those past their retention by now."""
        progress, retained = archive.progress(), (max(span[0], int(time.time() - reach)), span[1])
        return _length(subtract(retained, progress.covered if progress else ()))

    archive.load()
    from exporter.cli.rich_output import progress_bar  # noqa: PLC0415 (takes memory)

    with progress_bar(span) as bar:
        try:
            while left():
                if has_running_exporter(archive):
                    _watch(archive, span, left, bar)
                elif (problem := _fetch(archive, settings, span, bar)) is not None:
                    bar.print(problem)
                    return ExitCode.FAILED
        except Interrupted:
            bar.print("interrupted; the same command continues where this one ended")
            raise
        bar.show(0, 0)
        bar.print(f"all calls of that time are in the archive: {_summary(archive, span)}")
    return ExitCode.SUCCESS


def _summary(archive: Archive, span: TimeRange) -> str:
    """Return how many calls of the range the archive has, and what is known of their teams."""
    with archive.searching() as connection:
        found = totals(connection, Criteria(*span))
        inferred = count_with_inferred_teams(connection, span[0], span[1] + 1)
        without = count_without_teams(connection, span[0], span[1] + 1)
    parts = [in_words(found)]
    if inferred:
        parts.append(of_inferred_teams(inferred))
    if without:
        parts.append(f"calls whose teams a running exporter is going to infer: {without}")
    return "; ".join(parts)


def _moment(flag: str, text: str, now: float, zone: tzinfo | None) -> int:
    try:
        return parse_time(text, now, zone, last=flag == "--to")
    except ValueError as error:
        raise UsageError(f"{flag}: found {truncate(text)}, expected {error}") from None


def requested_range(since: int, until: int, reach: Duration, now: float) -> TimeRange:
    """Return the range, cut at the present. Raises UsageError if it is empty or too old."""
    until = min(until, int(now) - LATE_ARRIVAL_S)
    if since >= until:
        raise UsageError("--from: found a time that is not before --to, or that is not in the past")
    if since < int(now - reach):
        why = "as storage.retention keeps calls" if reach < API_HISTORY_S else "as Aircall's history reaches"
        raise UsageError(f"--from: found a time longer ago than {reach}, {why}")
    return since, until


def time_left(todo: int, done: int, spent: float) -> float | None:
    """Return the seconds that fetching `todo` seconds takes if `done` took `spent`; None if `done` is 0."""
    return spent * todo / done if done > 0 else None


def _length(spans: tuple[TimeRange, ...]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _watch(archive: Archive, span: TimeRange, left: Callable[[], int], bar: "ProgressBar") -> None:
    """Request the range from the running exporter, and wait until it is fetched or the exporter stops."""
    bar.print("an exporter runs on this archive and fetches the calls, as its budget allows")
    begun, first = time.monotonic(), left()
    try:
        while (todo := left()) and has_running_exporter(archive):
            ranges = archive.manual_backfills()
            if span not in ranges:  # another command may have overwritten it
                archive.set_manual_backfills((*ranges, span))
            bar.show(todo, time_left(todo, first - todo, time.monotonic() - begun))
            time.sleep(PROGRESS_INTERVAL_S)
    finally:
        archive.set_manual_backfills(tuple(each for each in archive.manual_backfills() if each != span))


def _fetch(archive: Archive, settings: Settings, span: TimeRange, bar: "ProgressBar") -> str | None:
    """Fetch until nothing is left or an exporter has started. Return the problem if that fails."""
    clock, registry, aircall = steady_clock(), CollectorRegistry(), settings.aircall
    client = Client(aircall.base_url, aircall.api_id, aircall.api_token, ClientMetrics(registry))
    poller = Poller(settings, client, registry, Clocks(clock), archive.save)
    poller.tasks.enabled = (MANUAL_BACKFILL, "teams")
    # fetched only if a request fails, to see whether lists can be fetched
    poller.tasks["teams"].due = math.inf
    poller.restore(archive.load())
    poller.set_manual_backfill((span,))
    history, budget = poller.account.coverage, poller.budget
    first = _length(history.requested_gaps)
    try:
        while MANUAL_BACKFILL in poller.tasks.runnable(clock()) and not has_running_exporter(archive):
            poller.account.advance_to(clock() + poller.account.server_ahead)
            next_step_at = poller.step()
            if poller.status().credential_rejected:
                return CREDENTIAL_REJECTED
            present = poller.aircall_time()
            if present is not None and present < span[1]:
                return _in_the_future(span[1] - present)
            left = _length(history.requested_gaps)
            spent = 60 * budget.spent / budget.sustained
            bar.show(left, time_left(left, first - left, spent))
            _sleep_until(next_step_at, clock)
    finally:
        client.close()
    if not history.requested_gaps or has_running_exporter(archive):
        return None
    problems = "; ".join(poller.account.aside.problems.values())
    return (
        f"{_length(history.requested_gaps)} seconds of that time cannot be fetched, because requests fail"
        f" ({problems}); the same command tries again"
    )


def _in_the_future(seconds: float) -> str:
    return (
        f"--to: found a time that is {Duration(math.ceil(seconds))} later than Aircall's present, expected an"
        " earlier one; if it is not later than yours, set this machine's clock"
    )


def _sleep_until(at: float, clock: Clock) -> None:
    time.sleep(max(0.0, at - clock()))
