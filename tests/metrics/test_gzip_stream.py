"""Tests of the gzip stream: compressed chunks make one member."""

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.gzip_stream import Chunk, gzipped

lines = st.lists(st.binary(max_size=200).map(lambda text: text * 50), max_size=4)


@given(st.lists(lines), st.binary())
def test_gzipped_any_chunks_is_one_gzip_member(texts: list[list[bytes]], last: bytes) -> None:
    pieces = [Chunk(text) for text in texts]
    assert [piece.parts() for piece in pieces] == texts
    stream = gzipped(pieces).finish(last)
    assert gzip.decompress(stream) == b"".join(line for text in texts for line in text) + last
    member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    member.decompress(stream)
    assert (member.eof, member.unused_data) == (True, b"")
    assert gzipped(pieces).finish(last) == stream
