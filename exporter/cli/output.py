"""Print rows as a table, as JSON lines or as CSV."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec
from rich.table import Table
from rich.text import Text

from exporter.cli.streams import Output, encodes

FILE_WIDTH = 400
"""Width, in characters, of a table that goes to a file or another command."""


def as_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    console = Output()
    if not console.is_terminal:
        console.width = FILE_WIDTH  # the reader of a pipe wraps lines
    console.print(table)


def as_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON object per line, in ASCII if the output's encoding requires it."""
    for row in rows:
        text = msgspec.json.encode(row).decode()
        print(text if encodes(text) else json.dumps(json.loads(text), separators=(",", ":")))


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Print CSV with a header. A text that a spreadsheet would read as a formula is prefixed with a quote."""
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _harmless(value) for key, value in row.items()})


def print_problem(command: str | None, problem: str) -> None:
    """Print a problem to standard error, with the command if there is one."""
    print(
        f"aircall-exporter: {command}: {problem}" if command else f"aircall-exporter: {problem}",
        file=sys.stderr,
    )


def shown_time(at: int, zone: tzinfo | None) -> str:
    """Return a UNIX time in ISO 8601, in local time if `zone` is `None`."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "seconds")


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}" if not value[1:].replace(" ", "").isdecimal() else value
    return value


def _printable(text: str) -> str:
    """Replace control characters, which could control the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
