"""The waits of the queue at one moment, by the rules that metrics and Grafana Live share."""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.account.board import Board, WaitingCall, wait_level


class Wait(NamedTuple):
    """A waiting call, its wait so far in seconds, and the level of that wait (0, 1 or 2)."""

    call: WaitingCall
    seconds: float
    level: int


def queue_waits(board: Board, now: float) -> Iterator[Wait]:
    """Yield the wait of each call in the queue, longest first. `now` is in seconds of our clock."""
    server_now = now + board.server_ahead
    for call in board.queue:
        seconds = max(0.0, server_now - call.since)
        yield Wait(call, seconds, wait_level(seconds, call.warning, call.critical))
