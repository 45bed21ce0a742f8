"""Print the rows of a command as a table, CSV, JSON, lines of JSON or a web page."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Generic, TypeVar

from exporter.cli import output
from exporter.cli.output import Column
from exporter.report.html_document import html_document, html_table

FORMATS = ("table", "csv", "json", "ndjson", "html")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}

T = TypeVar("T")

Row = Mapping[str, object]


@dataclass(frozen=True)
class Listing(Generic[T]):
    """How a command prints its rows. A zone is None for local time."""

    title: str
    """The title of the web page."""
    columns: Sequence[Column]
    """The columns for people: those of the table and of the web page."""
    cells: Callable[[T, tzinfo | None], Sequence[str]]
    """Returns the cells of an item, in the order of the columns."""
    fields: Sequence[str]
    """The fields of CSV and JSON."""
    row: Callable[[T, tzinfo | None], Row]
    """Returns an item by field. A tuple is a list in JSON, and one text in CSV."""
    between: Mapping[str, str] = field(default_factory=dict)
    """By field: what separates the parts of a tuple in CSV, a comma otherwise."""


def add_format_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the output's format."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="json is one array, ndjson one object per line (default: %(default)s)",
    )
    parser.add_argument(
        "--separator", choices=SEPARATORS, default="comma", help="between CSV values (default: %(default)s)"
    )
    parser.add_argument("--bom", action="store_true", help="begin CSV as Excel needs it to read UTF-8")


def print_rows(
    listing: Listing[T], items: Iterable[T], arguments: argparse.Namespace, zone: tzinfo | None
) -> None:
    """Print the items in the format of the flags."""
    match arguments.format:
        case "table":
            output.as_table(listing.columns, (listing.cells(item, zone) for item in items))
        case "csv":
            rows = (_joined(listing, listing.row(item, zone)) for item in items)
            output.as_csv(listing.fields, rows, SEPARATORS[arguments.separator], arguments.bom)
        case "json":
            output.as_json(listing.row(item, zone) for item in items)
        case "ndjson":
            output.as_ndjson(listing.row(item, zone) for item in items)
        case "html":
            titles = [column.title for column in listing.columns]
            table = html_table(titles, (listing.cells(item, zone) for item in items))
            output.as_text(html_document(listing.title, table))


def _joined(listing: Listing[T], row: Row) -> Row:
    return {
        name: listing.between.get(name, ", ").join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in row.items()
    }
