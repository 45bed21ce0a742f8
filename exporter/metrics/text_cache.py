"""Cache the text of sections in blocks of rows. Only rows that have changed are formatted again."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from exporter.account.board import Board
from exporter.clock import Moment
from exporter.metrics.family import Family, Sample
from exporter.metrics.groups import MetricGroup
from exporter.metrics.gzip_stream import Chunk
from exporter.metrics.sections import Section
from exporter.metrics.text import openmetrics_header, sample_lines, text_header

Format = Literal["text", "openmetrics"]
FORMATS: tuple[Format, ...] = get_args(Format)

BLOCK = 64
"""Rows that are compressed together. With larger blocks, one changed row costs more compression; smaller
blocks compress less well."""

Lines = tuple[bytes, ...]
"""The lines of one row, for each column of the section."""


def header(family: Family, form: Format) -> str:
    """Return the lines before a family's samples."""
    return text_header(family) if form == "text" else openmetrics_header(family)


@dataclass(frozen=True, slots=True, eq=False)
class _FormattedRow:
    """A row whose lines are in a block.

    Holds until when (seconds, our clock) the lines are valid, and their hashes.
    """

    row: object
    valid_until: float
    hashes: "array[int]"


class _Block:
    """The text of consecutive rows, as one chunk for each column."""

    def __init__(
        self, rows: Sequence[_FormattedRow], lines: Mapping[int, Lines], previous: "_Block | None"
    ) -> None:
        """Make the chunks that have changed.

        Args:
            rows: The rows of this block.
            lines: The lines of new rows, by their index. The other rows are at the same index of `previous`.
            previous: The same block of the last snapshot.
        """
        self.rows = rows
        if previous is None:
            self.chunks = [Chunk(column) for column in zip(*lines.values(), strict=True)]
            return
        is_same_length = len(rows) == len(previous.rows)
        self.chunks = list(previous.chunks)
        for column, chunk in enumerate(previous.chunks):
            if not is_same_length or any(
                rows[index].hashes[column] != previous.rows[index].hashes[column] for index in lines
            ):
                kept = chunk.parts()
                parts = (
                    lines[index][column] if index in lines else kept[index] for index in range(len(rows))
                )
                self.chunks[column] = Chunk(parts)


class SectionText:
    """The cached text of a section. A column is a family in a format; most have the same lines in both."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._own_openmetrics = [family for family in section.families if family.kind == "histogram"]
        self._columns: dict[tuple[Family, Format], int] = {}
        for column, family in enumerate(section.families):
            self._columns |= dict.fromkeys([(family, form) for form in FORMATS], column)
        for column, family in enumerate(self._own_openmetrics, len(section.families)):
            self._columns[family, "openmetrics"] = column
        self._headers = {
            (family, form): Chunk([header(family, form).encode()])
            for family in section.families
            for form in FORMATS
        }
        self._blocks: list[_Block] = []

    def update(self, board: Board, now: Moment, force: bool) -> float:
        """Format the rows that are new or no longer valid, or all rows if `force` is set.

        Returns:
            Until when the text is valid (seconds, our clock).
        """
        rows, previous = self._section.rows(board), iter(self._blocks)
        self._blocks = [
            self._updated(next(previous, None), rows[start : start + BLOCK], board, now, force)
            for start in range(0, len(rows), BLOCK)
        ]
        return min((row.valid_until for block in self._blocks for row in block.rows), default=math.inf)

    def chunks(self, form: Format) -> Iterator[tuple[MetricGroup, Chunk]]:
        """Yield all text, with its groups. A chunk that has not changed is the same object as before."""
        for family in self._section.families:
            column = self._columns[family, form]
            yield family.group, self._headers[family, form]
            for block in self._blocks:
                yield family.group, block.chunks[column]

    def _updated(
        self, previous: _Block | None, rows: Sequence[object], board: Board, now: Moment, force: bool
    ) -> _Block:
        formatted: list[_FormattedRow] = []
        lines: dict[int, Lines] = {}
        for index, row in enumerate(rows):
            old = previous.rows[index] if previous and index < len(previous.rows) else None
            if old is None or old.row is not row or old.valid_until < now.steady or force:
                lines[index] = self._format(row, board, now)
                valid_until = self._section.valid_until(row, board, now.steady)
                old = _FormattedRow(row, valid_until, array("q", map(hash, lines[index])))
            formatted.append(old)
        if previous is not None and not lines and len(rows) == len(previous.rows):
            return previous
        return _Block(formatted, lines, previous)

    def _format(self, row: object, board: Board, now: Moment) -> Lines:
        samples: dict[Family, list[Sample]] = {family: [] for family in self._section.families}
        for sample in self._section.samples(row, board, now):
            samples[sample[0]].append(sample)
        return (
            *[_lines(of_family, exemplars=False) for of_family in samples.values()],
            *[_lines(samples[family], exemplars=True) for family in self._own_openmetrics],
        )


def _lines(samples: list[Sample], exemplars: bool) -> bytes:
    return "".join([sample_lines(sample, exemplars) for sample in samples]).encode()
