"""h11's parser with bounds on the number of parts, since each part of a request costs time on the event loop.

128 kB in chunks of one byte, or in headers of four bytes, take h11 hundreds of milliseconds.
"""

import re

import h11

MAX_HEAD_LINES = 256
"""Lines in a request's head."""

MAX_PIECES = 128
BYTES_PER_PIECE = 128
"""A body may arrive in so many pieces, and one more for each so many bytes. A piece is a chunk, or what one
packet brings."""

MAX_BETWEEN_PIECES = 2048
"""Bytes of a body that belong to no piece: a chunk's header, or what follows the last chunk."""

SLICE = 4096
"""Bytes that are parsed before these limits are looked at again."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")


class Parser(h11.Connection):
    """The parser of one connection, as a server. Its `next_event` raises RemoteProtocolError over a limit."""

    def __init__(self, max_head: int) -> None:
        """Accept heads of `max_head` bytes at most."""
        super().__init__(h11.SERVER, max_head)
        self._lines = self._body = self.pieces = 0
        self._last = b""

    def receive_data(self, data: bytes) -> None:
        if self.their_state is h11.IDLE:
            self._count_lines(data)
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        super().start_next_cycle()
        self._count_lines(self.trailing_data[0])  # what has arrived of the next request already

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self._lines > MAX_HEAD_LINES:
            raise h11.RemoteProtocolError("too many headers")
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._lines = self._body = self.pieces = 0
            self._last = b""
        elif isinstance(event, h11.Data):
            self.pieces += 1
            self._body += len(event.data)
            if self.pieces > MAX_PIECES + self._body / BYTES_PER_PIECE:
                raise h11.RemoteProtocolError("a body in too many pieces")
        elif self.their_state is h11.SEND_BODY and len(self.trailing_data[0]) > MAX_BETWEEN_PIECES:
            raise h11.RemoteProtocolError("too much between the pieces of a body")
        return event

    def _count_lines(self, data: bytes) -> None:
        """Count the lines of the head that `data` is a part of, or begins with."""
        head = self._last + data  # the end of the head may arrive in two parts
        end = _END_OF_HEAD.search(head)
        self._lines += head.count(b"\n", len(self._last), end.end() if end else len(head))
        self._last = head[-2:]
