"""Write tables, CSV, JSON and errors to the standard streams."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, NamedTuple

import msgspec

from exporter.cli.streams import encodes

BOM = "\ufeff"


class Column(NamedTuple):
    """A column of a table."""

    title: str
    from_width: int = 0
    """The width of the terminal, in characters, from which on the column is shown."""
    fit: Literal["wrapped", "cut", "whole"] = "wrapped"
    """How texts are shown if the terminal is too narrow. The others become narrower for the `whole`."""


def as_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people, as wide as the terminal."""
    from exporter.cli.rich_output import print_table  # noqa: PLC0415 (takes memory)

    print_table(columns, rows)


def as_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON array, with one object per line."""
    before = "["
    for row in rows:
        print(before, _json(row), sep="", end="")
        before = ",\n"
    print("[]" if before == "[" else "]")


def as_ndjson(rows: Iterable[Mapping[str, object]]) -> None:
    """Print one JSON object per line."""
    for row in rows:
        print(_json(row))


def as_csv(
    columns: Sequence[str], rows: Iterable[Mapping[str, object]], separator: str = ",", bom: bool = False
) -> None:
    """Print CSV with a header. A text that a spreadsheet would read as a formula is prefixed with a quote.

    The byte order mark `bom` makes Excel read UTF-8. Other encodings have none.
    """
    if bom and encodes(BOM):
        print(BOM, end="")
    writer = csv.DictWriter(sys.stdout, columns, delimiter=separator, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _harmless(value) for key, value in row.items()})


def as_text(text: str) -> None:
    """Print a text that ends with a line break."""
    print(text, end="")


def print_problem(command: str | None, problem: str) -> None:
    """Print a problem to standard error, with the command if there is one."""
    print(
        f"aircall-exporter: {command}: {problem}" if command else f"aircall-exporter: {problem}",
        file=sys.stderr,
    )


def shown_time(at: int, zone: tzinfo | None) -> str:
    """Return a UNIX time in ISO 8601, in local time if `zone` is `None`."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "seconds")


def with_shown_times(row: Mapping[str, Any], names: Iterable[str], zone: tzinfo | None) -> dict[str, Any]:
    """Return a row whose UNIX times of these `names` are texts. A time that is None stays None."""
    times = {name: row[name] for name in names}
    return {**row, **{name: None if at is None else shown_time(int(at), zone) for name, at in times.items()}}


def _json(row: Mapping[str, object]) -> str:
    """Return one line of JSON, in ASCII if the output's encoding requires it."""
    text = msgspec.json.encode(row).decode()
    return text if encodes(text) else json.dumps(json.loads(text), separators=(",", ":"))


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}" if not value[1:].replace(" ", "").isdecimal() else value
    return value
