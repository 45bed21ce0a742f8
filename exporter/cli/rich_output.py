"""Tables and progress on a terminal, by rich.

rich needs 6 MB, which the exporter itself does not need. So modules import this one where they print.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from exporter.account.records import TimeRange
from exporter.cli.output import Column
from exporter.durations import Duration

FILE_WIDTH = 400
"""Width, in characters, of a table that goes to a file or another command."""


class Output(Console):
    """Standard output for tables. If its reader has gone, it raises BrokenPipeError as `print` does."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError, where rich would exit with a status of its own."""
        raise BrokenPipeError


def new_table() -> Table:
    """Return an empty table without lines."""
    return Table(box=None, pad_edge=False)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people, as wide as the terminal."""
    console = Output()
    if not console.is_terminal:
        console.width = FILE_WIDTH  # the reader of a pipe wraps lines
    shown = [position for position, each in enumerate(columns) if each.from_width <= console.width]
    table = new_table()
    for position in shown:
        column = columns[position]
        is_whole = column.fit == "whole"
        title = column.title.replace(" ", "\n") if is_whole else column.title
        table.add_column(title, no_wrap=is_whole, overflow="fold", vertical="bottom")
    for row in rows:
        table.add_row(*(_cell(row[position], columns[position]) for position in shown))
    console.print(table)


class ProgressBar:
    """The progress of `backfill`: a bar on a terminal, otherwise a line per tenth."""

    def __init__(self, console: Console, progress: Progress, span: TimeRange) -> None:
        self._console, self._progress = console, progress
        self._total = span[1] - span[0] + 1
        self._tenths = -1
        days = " to ".join(f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}" for at in span)
        self._task = progress.add_task(days, total=self._total, left="")

    def show(self, left: int, seconds: float | None) -> None:
        """Show that `left` seconds are missing, which takes about `seconds`, None if that is unknown."""
        done, rest = self._total - left, "" if seconds is None else f"about {Duration(round(seconds))} left"
        self._progress.update(self._task, completed=done, left=rest)
        tenths = 10 * done // self._total
        if not self._console.is_terminal and tenths > self._tenths:
            self._tenths = tenths
            self._console.print(f"{10 * tenths} % fetched" + (f", {rest}" if left and rest else ""))

    def print(self, message: str) -> None:
        """Print a message above the bar."""
        self._console.print(f"aircall-exporter: backfill: {message}", soft_wrap=True)


@contextmanager
def progress_bar(span: TimeRange) -> Iterator[ProgressBar]:
    """Show the progress of fetching the calls of `span` on standard error."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield ProgressBar(console, progress, span)


def _cell(text: str, column: Column) -> Text:
    cut = column.fit == "cut"
    return Text(_printable(text), no_wrap=cut or None, overflow="ellipsis" if cut else None)


def _printable(text: str) -> str:
    """Replace control characters, which could control the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
