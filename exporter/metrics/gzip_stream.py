"""One gzip stream from pieces, each compressed when it was made.

Deflate is a sequence of blocks. A piece compressed on its own refers to nothing before it and ends on a
byte, so pieces can be put one behind the other; only the check sum runs over all of them. It is a single
member: many clients (browsers and curl among them) read no further than the first.
"""

import zlib
from dataclasses import dataclass

LEVEL = 3
"""Compression; more of it takes three times as long and saves a tenth."""

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class GzipPrefix:
    """The beginning of a gzip stream: its pieces, the check sum and the number of bytes packed in them."""

    pieces: bytes
    check: int
    size: int

    def finish(self, text: bytes) -> bytes:
        """The whole stream, with `text` at its end."""
        check, size = zlib.crc32(text, self.check), (self.size + len(text)) % 2**32
        last = _deflated(text, zlib.Z_FINISH)
        return b"".join((_HEADER, self.pieces, last, check.to_bytes(4, "little"), size.to_bytes(4, "little")))


class Chunk:
    """A piece of text, compressed at most once, and only if somebody wants it."""

    __slots__ = ("_packed", "lines")

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self._packed: bytes | None = None

    @property
    def text(self) -> bytes:
        """All lines, put together for whoever asks: kept, it would be there twice."""
        return b"".join(self.lines)

    def packed(self, text: bytes) -> bytes:
        """The piece compressed; `text` is its own, put together before."""
        if self._packed is None:
            self._packed = _deflated(text, zlib.Z_FULL_FLUSH)
        return self._packed


def gzipped(pieces: list[Chunk]) -> GzipPrefix:
    """The beginning of a stream."""
    check = size = 0
    compressed = []
    for piece in pieces:
        text = piece.text
        check, size = zlib.crc32(text, check), size + len(text)
        compressed.append(piece.packed(text))
    return GzipPrefix(b"".join(compressed), check, size)


def _deflated(text: bytes, mode: int) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush(mode)
