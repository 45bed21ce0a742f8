"""Limit the number of parts of a request, since h11 spends time on the event loop for each.

100 kB in chunks of one byte, or in headers of four bytes, take h11 hundreds of milliseconds.
"""

import re
from http import HTTPStatus

import h11

MAX_HEADER_BYTES = 32 * 2**10
"""Bytes of a request's line and headers, including line breaks. h11 and uvicorn take about a millisecond for
each 8 kB of a path or of a header that is a list."""

MAX_HEAD_LINES = 256
"""Lines in a request's head."""

HEAD_TOO_LARGE = (
    f"The request's line and headers are too large, expected at most {MAX_HEADER_BYTES} bytes"
    f" and {MAX_HEAD_LINES} lines.\n"
)

NO_HTTP = "The request is not valid HTTP.\n"

MAX_PIECES = 128
BYTES_PER_PIECE = 128
"""A body may arrive in `MAX_PIECES` pieces, and one more for each `BYTES_PER_PIECE` bytes. A piece is a
chunk, or the content of one packet."""

MAX_BETWEEN_PIECES = 2048
"""Bytes of a body that belong to no piece: a chunk's header, or data after the last chunk."""

SLICE = 4096
"""Bytes that are parsed before these limits are checked again."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")


class Parser(h11.Connection):
    """The parser of one connection, as a server. Its `next_event` raises RemoteProtocolError over a limit."""

    def __init__(self, max_head: int) -> None:
        """Accept heads of `max_head` bytes at most."""
        super().__init__(h11.SERVER, max_head)
        self._max_head = max_head
        self._head = self._lines = self._body = self.pieces = 0
        self._last = b""

    @property
    def head_too_large(self) -> bool:
        """Whether the head that is being received has too many bytes or lines.

        They are counted up to the end of the head, so the result does not depend on how the bytes arrive.
        """
        return self._head > self._max_head or self._lines > MAX_HEAD_LINES

    @property
    def awaits_request(self) -> bool:
        """Whether nothing has arrived since the last request was received and answered."""
        return self.our_state is self.their_state is h11.IDLE and not self.trailing_data[0]

    def receive_data(self, data: bytes) -> None:
        """Add data, and count it if it belongs to a head."""
        if self.their_state is h11.IDLE:
            self._count_head(data)
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        """Begin the next request, part of which may have arrived."""
        super().start_next_cycle()
        self._count_head(self.trailing_data[0])  # the part of the next request that has already arrived

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event. Raises RemoteProtocolError if a request exceeds a limit."""
        if self.head_too_large:
            raise h11.RemoteProtocolError("too much in a head")
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._head = self._lines = self._body = self.pieces = 0
            self._last = b""
        elif isinstance(event, h11.Data):
            self.pieces += 1
            self._body += len(event.data)
            if self.pieces > MAX_PIECES + self._body / BYTES_PER_PIECE:
                raise h11.RemoteProtocolError("a body in too many pieces")
        elif self.their_state is h11.SEND_BODY and len(self.trailing_data[0]) > MAX_BETWEEN_PIECES:
            raise h11.RemoteProtocolError("too much between the pieces of a body")
        return event

    def refusal(self) -> bytes:
        """Return the response to a request that cannot be parsed: 431 if its head is too large, else 400.

        Raises LocalProtocolError if a response has begun already.
        """
        status, text = (431, HEAD_TOO_LARGE) if self.head_too_large else (400, NO_HTTP)
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(text)),
            "Connection": "close",
        }
        reason = HTTPStatus(status).phrase
        response = h11.Response(status_code=status, headers=list(headers.items()), reason=reason)
        events = (response, h11.Data(data=text.encode()), h11.EndOfMessage())
        return b"".join(self.send(event) or b"" for event in events)

    def _count_head(self, data: bytes) -> None:
        """Count the bytes and lines of the request's head in `data`."""
        before = len(self._last)
        head = self._last + data  # the end of the head may arrive in two parts
        end = _END_OF_HEAD.search(head)
        until = end.end() if end else len(head)
        self._head += until - before
        self._lines += head.count(b"\n", before, until)
        self._last = head[-2:]
