"""Cache the text of sections: a row that is unchanged since the last snapshot keeps its lines."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from exporter.account.board import Board
from exporter.account.reused_objects import reuse_if_equal
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


def header(family: Family, form: Format) -> str:
    """Return the lines before a family's samples."""
    return text_header(family) if form == "text" else openmetrics_header(family)


@dataclass(frozen=True, slots=True, eq=False)
class _RowText:
    """A row's lines by family in both formats, and until when (seconds, our clock) they are valid."""

    row: object
    valid_until: float
    text: tuple[bytes, ...]
    openmetrics: tuple[bytes, ...]


class _Block:
    """The text of consecutive rows, as one chunk for each family."""

    def __init__(self, section: Section, rows: list[_RowText], previous: "_Block | None") -> None:
        """Reuse the chunks of the `previous` block that are unchanged."""
        self.rows = rows
        self._chunks: dict[tuple[Family, Format], Chunk] = {}
        for index, family in enumerate(section.families):
            self._put(family, "text", [row.text[index] for row in rows], previous)
            if family.kind == "histogram":
                self._put(family, "openmetrics", [row.openmetrics[index] for row in rows], previous)

    def chunk(self, family: Family, form: Format) -> Chunk:
        return self._chunks.get((family, form)) or self._chunks[family, "text"]

    def _put(self, family: Family, form: Format, lines: list[bytes], previous: "_Block | None") -> None:
        old = previous._chunks[family, form] if previous else None
        self._chunks[family, form] = old if old is not None and old.lines == lines else Chunk(lines)


class SectionText:
    """The cached text of a section."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._rows: dict[int, _RowText] = {}
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
        previous, self._rows = self._rows, {}
        valid_until, in_order = math.inf, iter(previous.values())
        for row in self._section.rows(board):
            text, similar = previous.get(id(row)), next(in_order, None)
            if text is None or text.valid_until < now.steady or force:
                text = self._format(row, board, now, similar)
            self._rows[id(row)] = text
            valid_until = min(valid_until, text.valid_until)
        rows, blocks = list(self._rows.values()), self._blocks
        self._blocks = []
        for index, start in enumerate(range(0, len(rows), BLOCK)):
            old, block_rows = blocks[index] if index < len(blocks) else None, rows[start : start + BLOCK]
            same = old is not None and old.rows == block_rows
            self._blocks.append(old if old and same else _Block(self._section, block_rows, old))
        return valid_until

    def chunks(self, form: Format) -> Iterator[tuple[MetricGroup, Chunk]]:
        """Yield all text, with its groups. A chunk that has not changed is the same object as before."""
        for family in self._section.families:
            yield family.group, self._headers[family, form]
            for block in self._blocks:
                yield family.group, block.chunk(family, form)

    def _format(self, row: object, board: Board, now: Moment, similar: _RowText | None) -> _RowText:
        """Format a row. Lines that equal those of a `similar` row, probably an older version, are shared."""
        samples: dict[Family, list[Sample]] = {family: [] for family in self._section.families}
        for sample in self._section.samples(row, board, now):
            samples[sample[0]].append(sample)
        text = tuple(_lines(of_family, exemplars=False) for of_family in samples.values())
        if similar is not None:
            text = tuple(map(reuse_if_equal, similar.text, text))
        openmetrics = text
        if any(family.kind == "histogram" for family in samples):
            openmetrics = tuple(
                _lines(of_family, exemplars=True) if family.kind == "histogram" else lines
                for (family, of_family), lines in zip(samples.items(), text, strict=True)
            )
        return _RowText(row, self._section.valid_until(row, board, now.steady), text, openmetrics)


def _lines(samples: list[Sample], exemplars: bool) -> bytes:
    return "".join([sample_lines(sample, exemplars) for sample in samples]).encode()
