"""Build one gzip stream from chunks that are compressed separately and cached.

Deflate is a sequence of blocks. A chunk that is compressed on its own does not refer to earlier data and ends
on a byte boundary, so compressed chunks can be concatenated. Only the checksum covers all of them. The stream
is a single gzip member, since many clients (such as browsers and curl) read only the first member.
"""

import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

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
    """A part of the text. It is kept compressed only, because the text needs many times the memory."""

    __slots__ = ("_crc", "_lengths", "compressed", "size")

    def __init__(self, parts: Iterable[bytes]) -> None:
        """Compress the parts of the text, which can be returned separately again."""
        parts = list(parts)
        text = b"".join(parts)
        self._lengths = array("L", map(len, parts))
        self.size, self.compressed = len(text), _deflate(text, zlib.Z_FULL_FLUSH)
        self._crc = zlib.crc32(text) ^ zlib.crc32(bytes(self.size))

    @property
    def text(self) -> bytes:
        """The whole text."""
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(self.compressed)

    def parts(self) -> list[bytes]:
        """Return the parts of the text."""
        text, ends = self.text, list(accumulate(self._lengths))
        return [text[end - length : end] for end, length in zip(ends, self._lengths, strict=True)]

    def crc_after(self, crc: int) -> int:
        """Return the CRC-32 of a text whose CRC-32 is `crc`, followed by this chunk.

        The CRC-32 is linear: an earlier text changes it as it changes that of equally many zeros.
        """
        return self._crc ^ zlib.crc32(bytes(self.size), crc)


def gzipped(chunks: Iterable[Chunk]) -> GzipPrefix:
    """Return the beginning of a stream that contains `chunks`."""
    crc = size = 0
    compressed = []
    for chunk in chunks:
        crc, size = chunk.crc_after(crc), size + chunk.size
        compressed.append(chunk.compressed)
    return GzipPrefix(b"".join(compressed), crc, size)


def _deflate(text: bytes, mode: int) -> bytes:
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush(mode)
