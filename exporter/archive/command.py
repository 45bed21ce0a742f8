"""The command `aircall-exporter calls`: flags, times and exit codes of a search."""

import argparse
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from itertools import islice

from exporter.archive import listing
from exporter.archive.search import Criteria, FoundCall
from exporter.archive.store import Archive
from exporter.durations import parse_duration

FOUND, NOTHING = 0, 1
"""Exit codes, as grep's; 2 is a wrong flag or an archive that cannot be read."""

_SHOWN = {"table": listing.as_table, "json": listing.as_json, "csv": listing.as_csv}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The criteria of a search, and how to show what is found."""

    def several(flag: str, meaning: str, **more: object) -> None:
        parser.add_argument(flag, action="append", default=[], help=meaning, **more)  # type: ignore[arg-type]

    when = "2026-11-23, 2026-11-23T14:30 (local unless --utc), 2h (that long ago) or now"
    parser.add_argument("--from", dest="since", required=True, metavar="TIME", help=when)
    parser.add_argument("--to", dest="until", default="now", metavar="TIME", help="the same (default: now)")
    several("--user", "id or name; may be given again, as all below", metavar="USER")
    several("--team", "id or name", metavar="TEAM")
    several("--number", "id or name", metavar="NUMBER")
    several("--direction", "direction", choices=("inbound", "outbound"))
    several("--asset", "what there is to listen to", choices=("recording", "voicemail"))
    parser.add_argument("--missed", action=argparse.BooleanOptionalAction, help="only missed calls, or none")
    several("--reason", "why it was missed, such as no_available_agent", metavar="REASON")
    parser.add_argument(
        "--longer-than", type=_seconds, metavar="DURATION", help="such as 5m, ringing included"
    )
    parser.add_argument("--shorter-than", type=_seconds, metavar="DURATION", help="such as 30s")
    several("--tag", "tag", metavar="TAG")
    several("--caller", "digits of the other side's number, or anonymous", metavar="DIGITS")
    several("--text", "anywhere in the call: names, caller, tags, comments", metavar="TEXT")
    parser.add_argument("--format", choices=tuple(_SHOWN), default="table", help="default: %(default)s")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most so many, newest first")
    parser.add_argument("--utc", action="store_true", help="times are UTC, in and out")


def run(arguments: argparse.Namespace, archive: Archive, now: float) -> int:
    """Search and print; gives the exit code. Raises ArchiveError, and ValueError on a time that is none."""
    zone = UTC if arguments.utc else None
    criteria = Criteria(
        since=moment(arguments.since, now, zone),
        until=moment(arguments.until, now, zone),
        users=tuple(arguments.user),
        teams=tuple(arguments.team),
        numbers=tuple(arguments.number),
        directions=tuple(arguments.direction),
        assets=tuple(arguments.asset),
        missed=arguments.missed,
        reasons=tuple(arguments.reason),
        longer_than=arguments.longer_than,
        shorter_than=arguments.shorter_than,
        tags=tuple(arguments.tag),
        callers=tuple(arguments.caller),
        texts=tuple(arguments.text),
    )
    counted = _Counted(archive.search(criteria), arguments.limit)
    _SHOWN[arguments.format](counted, zone)
    return FOUND if counted.count else NOTHING


def moment(text: str, now: float, zone: tzinfo | None) -> int:
    """A time as UNIX seconds. Raises ValueError where `text` is none; `zone` is none for local time."""
    if text == "now":
        return int(now)
    with suppress(ValueError):
        return int(now - parse_duration(text))
    if re.match(r"\d{4}-", text):
        with suppress(ValueError):
            read = datetime.fromisoformat(text)
            return int((read if read.tzinfo else read.replace(tzinfo=zone)).timestamp())
    raise ValueError(f"found {text}, wanted a time such as 2026-11-23T14:30, 2h (ago) or now")


class _Counted:
    """Calls as they pass by, counted."""

    def __init__(self, calls: Iterator[FoundCall], limit: int) -> None:
        self._calls = islice(calls, limit) if limit > 0 else calls
        self.count = 0

    def __iter__(self) -> Iterator[FoundCall]:
        for call in self._calls:
            self.count += 1
            yield call


def _seconds(text: str) -> int:
    try:
        return int(parse_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text}, wanted {error}") from None
