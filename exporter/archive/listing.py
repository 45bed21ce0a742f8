"""Found calls as a table, as JSON lines or as CSV."""

import csv
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

import msgspec
from msgspec import structs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.archive.search import FoundCall, FoundTotals
from exporter.durations import Duration

WIDE = 400
"""Signs of a table's line that goes to a file or another command."""

_COLUMNS = ("started", "direction", "outcome", "user", "number", "caller", "answered in", "talk", "tags")


def as_table(calls: Iterable[FoundCall], zone: tzinfo | None) -> None:
    """Print a table for people; `zone` is none for local time."""
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column)
    for call in calls:
        cells = (
            _time(call.started_at, zone)[:19],
            call.direction,
            call.missed_call_reason or call.outcome or call.status,
            call.user,
            call.number,
            call.caller,
            _length(call.time_to_answer),
            _length(call.talk_time),
            ", ".join(call.tags),
        )
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE  # whoever reads a pipe folds lines himself
    console.print(table)


def as_json(calls: Iterable[FoundCall], zone: tzinfo | None) -> None:
    """Print a JSON object a line."""
    for call in calls:
        print(msgspec.json.encode(_row(call, zone)).decode())


def as_csv(calls: Iterable[FoundCall], zone: tzinfo | None) -> None:
    """Print CSV with a header. A text that a spreadsheet would take for a formula gets a quote before it."""
    writer = csv.DictWriter(sys.stdout, FoundCall.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    for call in calls:
        row = _row(call, zone) | {
            "teams": ", ".join(call.teams),
            "tags": ", ".join(call.tags),
            "comments": " / ".join(call.comments),
        }
        writer.writerow({key: _harmless(value) for key, value in row.items()})


def in_words(totals: FoundTotals) -> str:
    """All that matched, in a line."""
    average = totals.average_seconds_to_answer
    return (
        f"{totals.calls} calls, {totals.inbound} inbound, {totals.outbound} outbound:"
        f" {totals.answered} answered, {totals.missed} missed, {totals.unanswered} unanswered;"
        f" talked for {Duration(totals.seconds_talked)}"
        + ("" if average is None else f", answered in {average:.0f}s on average")
    )


def _row(call: FoundCall, zone: tzinfo | None) -> dict[str, object]:
    times = {name: getattr(call, name) for name in ("started_at", "answered_at", "ended_at")}
    shown = {name: None if at is None else _time(at, zone) for name, at in times.items()}
    return structs.asdict(call) | shown


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}" if not value[1:].replace(" ", "").isdecimal() else value
    return value


def _time(at: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "seconds")


def _length(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"


def _printable(text: str) -> str:
    """Without the control characters that could take over a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
