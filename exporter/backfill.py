"""The command `aircall-exporter backfill`: reads a stretch of the past into the archive, by hand.

Where an exporter runs on the same archive, the command leaves the reading to it and watches: the request
budget is one. Else it reads by itself. Either way what has been read stays read, so that the same command
given again goes on where it was.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo

from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import subtract
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import API_HISTORY_S
from exporter.aircall.errors import CREDENTIAL_REJECTED
from exporter.archive.parsing import parse_time
from exporter.archive.records import TimeRange
from exporter.archive.store import Archive
from exporter.archive.writer import HEARTBEAT_INTERVAL_S
from exporter.clock import Clock, Clocks, steady_clock
from exporter.config import Settings
from exporter.config_file import truncate
from exporter.durations import Duration
from exporter.polling.poller import Poller
from exporter.polling.tasks import MANUAL_BACKFILL

DONE, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes; 2 is a wrong flag or configuration."""

HEARTBEAT_TIMEOUT_S = 4 * HEARTBEAT_INTERVAL_S
"""Seconds without a sign of life after which no exporter is taken to run on the archive."""

LOOK = 1.0
"""Seconds between two looks at what the running exporter has read."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The stretch of time."""
    when = "2026-11-23, 2026-11-23T14:30 (local unless --utc), 30d (that long ago) or now"
    parser.add_argument("--from", dest="since", required=True, metavar="TIME", help=when)
    parser.add_argument("--to", dest="until", default="now", metavar="TIME", help="the same (default: now)")
    parser.add_argument("--utc", action="store_true", help="times are UTC")


def run(arguments: argparse.Namespace, settings: Settings, archive: Archive) -> int:
    """Read what is missing; gives the exit code. Raises ArchiveError, and ValueError on a wrong time."""
    now, zone = time.time(), UTC if arguments.utc else None
    since = _moment("--from", arguments.since, now, zone)
    until = _moment("--to", arguments.until, now, zone)
    reach = min(settings.storage.retention or API_HISTORY_S, API_HISTORY_S)
    span = requested_range(since, until, Duration(reach), now)

    def left() -> int:
        """Seconds of the span that are not read; what is kept no longer by now is not missed."""
        progress, kept = archive.progress(), (max(span[0], int(time.time() - reach)), span[1])
        return _length(subtract(kept, progress.covered if progress else ()))

    archive.load()
    with _bar(span) as bar:
        try:
            while left():
                if has_running_exporter(archive):
                    _watch(archive, span, left, bar)
                elif (problem := _read(archive, settings, span, bar)) is not None:
                    bar.say(problem)
                    return FAILED
        except KeyboardInterrupt:
            bar.say("interrupted; the same command goes on where it was")
            return INTERRUPTED
        bar.show(0, 0)
        bar.say("all calls of that time are in the archive")
    return DONE


def _moment(flag: str, text: str, now: float, zone: tzinfo | None) -> int:
    try:
        return parse_time(text, now, zone, last=flag == "--to")
    except ValueError as error:
        raise ValueError(f"{flag}: found {truncate(text)}, wanted {error}") from None


def requested_range(since: int, until: int, reach: Duration, now: float) -> TimeRange:
    """The span to be read, up to the present. Raises ValueError where it is none or too old."""
    until = min(until, int(now) - LATE_ARRIVAL_S)
    if since >= until:
        raise ValueError("--from: found a time that is not before --to")
    if since < int(now - reach):
        why = "as storage.retention keeps calls" if reach < API_HISTORY_S else "as Aircall's history reaches"
        raise ValueError(f"--from: found a time longer ago than {reach}, {why}")
    return since, until


def time_left(todo: int, done: int, spent: float) -> float | None:
    """Seconds that `todo` seconds of past still take if `done` of them took `spent`; none where none did."""
    return spent * todo / done if done > 0 else None


def _length(spans: tuple[TimeRange, ...]) -> int:
    return sum(last - first + 1 for first, last in spans)


def has_running_exporter(archive: Archive) -> bool:
    """Whether an exporter runs on the archive."""
    seen = archive.last_heartbeat()
    return seen is not None and abs(time.time() - seen) < HEARTBEAT_TIMEOUT_S


def _watch(archive: Archive, span: TimeRange, left: Callable[[], int], bar: "_Bar") -> None:
    """Ask the running exporter for the span, and look on until nothing of it is left, or it runs no more."""
    bar.say("an exporter runs on this archive: it reads, as its budget allows")
    begun, first = time.monotonic(), left()
    try:
        while (todo := left()) and has_running_exporter(archive):
            wishes = archive.manual_backfills()
            if span not in wishes:  # or another command has just written its own in place of it
                archive.set_manual_backfills((*wishes, span))
            bar.show(todo, time_left(todo, first - todo, time.monotonic() - begun))
            time.sleep(LOOK)
    finally:
        archive.set_manual_backfills(tuple(wish for wish in archive.manual_backfills() if wish != span))


def _read(archive: Archive, settings: Settings, span: TimeRange, bar: "_Bar") -> str | None:
    """Read until nothing is left or another exporter has started; return why it cannot be read, if so."""
    clock, registry, aircall = steady_clock(), CollectorRegistry(), settings.aircall
    client = Client(aircall.base_url, aircall.api_id, aircall.api_token, ClientMetrics(registry))
    poller = Poller(settings, client, registry, Clocks(clock), archive.save)
    poller.tasks.enabled = (MANUAL_BACKFILL, "teams")
    poller.tasks["teams"].due = math.inf  # read only if a request fails, to see whether lists can be read
    poller.restore(archive.load())
    poller.set_manual_backfill((span,))
    history, budget = poller.account.coverage, poller.budget
    first = _length(history.requested_gaps)
    try:
        while MANUAL_BACKFILL in poller.tasks.runnable(clock()) and not has_running_exporter(archive):
            poller.account.advance_to(clock() + poller.account.server_ahead)
            come_again = poller.step()
            if poller.status().credential_rejected:
                return CREDENTIAL_REJECTED
            present = poller.aircall_time()
            if present is not None and present < span[1]:
                return _in_the_future(span[1] - present)
            left = _length(history.requested_gaps)
            spent = 60 * budget.spent / budget.sustained
            bar.show(left, time_left(left, first - left, spent))
            _sleep_until(come_again, clock)
    finally:
        client.close()
    if not history.requested_gaps or has_running_exporter(archive):
        return None
    problems = "; ".join(poller.account.aside.problems.values())
    return (
        f"{_length(history.requested_gaps)} seconds of that time cannot be read, because requests fail"
        f" ({problems}); the same command tries again"
    )


def _in_the_future(seconds: float) -> str:
    return (
        f"--to: found a time that is {Duration(math.ceil(seconds))} later than Aircall's present, expected an"
        " earlier one; if it is not later than yours, set this machine's clock"
    )


def _sleep_until(at: float, clock: Clock) -> None:
    time.sleep(max(0.0, at - clock()))


class _Bar:
    """How far it has come: a bar on a terminal, a line every tenth of the way elsewhere."""

    def __init__(self, console: Console, progress: Progress, span: TimeRange) -> None:
        self._console, self._progress = console, progress
        self._total = span[1] - span[0] + 1
        self._tenths = -1
        days = " to ".join(f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}" for at in span)
        self._task = progress.add_task(days, total=self._total, left="")

    def show(self, left: int, seconds: float | None) -> None:
        """`left` seconds of past are to be read, which takes about `seconds`, none where nobody can say."""
        done, told = self._total - left, "" if seconds is None else f"about {Duration(round(seconds))} left"
        self._progress.update(self._task, completed=done, left=told)
        tenths = 10 * done // self._total
        if not self._console.is_terminal and tenths > self._tenths:
            self._tenths = tenths
            self._console.print(f"{10 * tenths} % read" + (f", {told}" if left and told else ""))

    def say(self, words: str) -> None:
        self._console.print(f"aircall-exporter: backfill: {words}", soft_wrap=True)


@contextmanager
def _bar(span: TimeRange) -> Iterator[_Bar]:
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bar(console, progress, span)
