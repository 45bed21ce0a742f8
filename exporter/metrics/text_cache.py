"""The text of sections, kept from snapshot to snapshot: a row that is the same keeps its lines."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from exporter.account.board import Board
from exporter.clock import Moment
from exporter.metrics.family import Family, Sample
from exporter.metrics.gzip_stream import Chunk
from exporter.metrics.sections import FamilyGroup
from exporter.metrics.text import openmetrics_header, sample_lines, text_header

Format = Literal["text", "openmetrics"]
FORMATS: tuple[Format, ...] = get_args(Format)

BLOCK = 64
"""Rows that are compressed together: of more, more is compressed anew where one has changed; fewer take more
room."""


def header(family: Family, form: Format) -> str:
    """Return the lines before a family's samples."""
    return text_header(family) if form == "text" else openmetrics_header(family)


@dataclass(frozen=True, slots=True, eq=False)
class _RowText:
    """A row's lines by family, in either format, and until when (seconds, our clock) they are true."""

    row: object
    until: float
    text: tuple[bytes, ...]
    openmetrics: tuple[bytes, ...]


class _Block:
    """The text of some rows that follow one another: a piece for each family."""

    def __init__(self, section: FamilyGroup, rows: list[_RowText], before: "_Block | None") -> None:
        """Take over from the block `before` the pieces that are the same."""
        self.rows = rows
        self._pieces: dict[tuple[Family, Format], Chunk] = {}
        for place, family in enumerate(section.families):
            self._put(family, "text", [row.text[place] for row in rows], before)
            if family.kind == "histogram":
                self._put(family, "openmetrics", [row.openmetrics[place] for row in rows], before)

    def piece(self, family: Family, form: Format) -> Chunk:
        return self._pieces.get((family, form)) or self._pieces[family, "text"]

    def _put(self, family: Family, form: Format, lines: list[bytes], before: "_Block | None") -> None:
        known = before._pieces[family, form] if before else None
        self._pieces[family, form] = known if known is not None and known.lines == lines else Chunk(lines)


class SectionText:
    """A section as text."""

    def __init__(self, section: FamilyGroup) -> None:
        self._section = section
        self._rows: dict[int, _RowText] = {}
        self._headers = {
            (family, form): Chunk([header(family, form).encode()])
            for family in section.families
            for form in FORMATS
        }
        self._blocks: list[_Block] = []

    def renew(self, board: Board, now: Moment, anew: bool) -> float:
        """Make the lines of new rows, or all of them `anew`; gives until when they are true."""
        before, self._rows = {} if anew else self._rows, {}
        until = math.inf
        for row in self._section.rows(board):
            made = before.get(id(row))
            if made is None or made.until < now.steady:
                made = self._made(row, board, now)
            self._rows[id(row)] = made
            until = min(until, made.until)
        rows, blocks = list(self._rows.values()), self._blocks
        self._blocks = []
        for place, begin in enumerate(range(0, len(rows), BLOCK)):
            known, of_block = blocks[place] if place < len(blocks) else None, rows[begin : begin + BLOCK]
            same = known is not None and known.rows == of_block
            self._blocks.append(known if known and same else _Block(self._section, of_block, known))
        return until

    def pieces(self, form: Format) -> Iterator[Chunk]:
        """All of it; a piece that has not changed is the same as before."""
        for family in self._section.families:
            yield self._headers[family, form]
            for block in self._blocks:
                yield block.piece(family, form)

    def _made(self, row: object, board: Board, now: Moment) -> _RowText:
        samples: dict[Family, list[Sample]] = {family: [] for family in self._section.families}
        for sample in self._section.samples(row, board, now):
            samples[sample[0]].append(sample)
        text = tuple(_lines(of_family, exemplars=False) for of_family in samples.values())
        openmetrics = tuple(
            _lines(of_family, exemplars=True) if family.kind == "histogram" else lines
            for (family, of_family), lines in zip(samples.items(), text, strict=True)
        )
        return _RowText(row, self._section.valid_until(row, board, now.steady), text, openmetrics)


def _lines(samples: list[Sample], exemplars: bool) -> bytes:
    return "".join([sample_lines(sample, exemplars) for sample in samples]).encode()
