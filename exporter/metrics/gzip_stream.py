"""Build one gzip stream from chunks that are compressed separately and cached.

Deflate is a sequence of blocks. A chunk that is compressed on its own does not refer to earlier data and ends
on a byte boundary, so compressed chunks can be concatenated. Only the checksum covers all of them. The stream
is a single gzip member, since many clients (such as browsers and curl) read only the first member.
"""

import zlib
from dataclasses import dataclass

COMPRESSION_LEVEL = 3
"""Compression level. A higher one takes three times as long and saves a tenth."""

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class GzipPrefix:
    """The beginning of a gzip stream.

    Holds the compressed chunks, and the CRC-32 and number of bytes of their uncompressed text.
    """

    compressed: bytes
    crc: int
    size: int

    def finish(self, text: bytes) -> bytes:
        """Return the complete stream, with `text` appended."""
        crc, size = zlib.crc32(text, self.crc), (self.size + len(text)) % 2**32
        last = _deflate(text, zlib.Z_FINISH)
        return b"".join(
            (_HEADER, self.compressed, last, crc.to_bytes(4, "little"), size.to_bytes(4, "little"))
        )


class Chunk:
    """A part of the text, compressed at most once, at the first request for it."""

    __slots__ = ("_compressed", "lines")

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self._compressed: bytes | None = None

    @property
    def text(self) -> bytes:
        """All lines, joined at each call, as a stored copy would double the memory."""
        return b"".join(self.lines)

    def compress(self, text: bytes) -> bytes:
        """Return the compressed chunk. `text` is the chunk's own text, already joined by the caller."""
        if self._compressed is None:
            self._compressed = _deflate(text, zlib.Z_FULL_FLUSH)
        return self._compressed


def gzipped(chunks: list[Chunk]) -> GzipPrefix:
    """Return the beginning of a stream that contains `chunks`."""
    crc = size = 0
    compressed = []
    for chunk in chunks:
        text = chunk.text
        crc, size = zlib.crc32(text, crc), size + len(text)
        compressed.append(chunk.compress(text))
    return GzipPrefix(b"".join(compressed), crc, size)


def _deflate(text: bytes, mode: int) -> bytes:
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush(mode)
