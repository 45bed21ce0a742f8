"""Decide when the queue is pushed: at each change, each second while a caller waits, and as a heartbeat."""

import math
from dataclasses import dataclass

from exporter.account.board import Board

HEARTBEAT_S = 10.0
"""Seconds between two pushes while no caller waits. They show that the stream works, and tell a Grafana that
was restarted that the queue is empty."""

MIN_INTERVAL_S = 0.1
"""Minimum seconds between two pushes, as the queue of a large company may change a hundred times a second."""

LONGEST_RETRY_S = 30.0
"""Maximum seconds between two attempts while Grafana is unavailable."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """The last push: the ids of the waiting calls, and the time of their waits (seconds, our clock)."""

    calls: tuple[str, ...]
    at: float


def waiting_calls(board: Board) -> tuple[str, ...]:
    """Return the ids of the waiting calls, longest wait first."""
    return tuple(call.id for call in board.queue)


def next_push_at(board: Board, last: Pushed | None) -> float:
    """Return when the queue is due (seconds, our clock).

    While a caller waits, this is when Aircall's clock reaches the next second. Calls start at whole seconds,
    so all waits grow by exactly one second from push to push.

    Args:
        board: The current board.
        last: What was pushed last; `None` before the first push.

    Returns:
        Infinity before the first fetch of calls, as the queue is unknown until then.
    """
    if "calls" not in board.known:
        return math.inf
    if last is None:
        return -math.inf
    calls = waiting_calls(board)
    if calls != last.calls:
        return last.at + MIN_INTERVAL_S
    if not calls:
        return last.at + HEARTBEAT_S
    next_second = math.floor(last.at + board.server_ahead) + 1 - board.server_ahead
    return max(next_second, last.at + MIN_INTERVAL_S)


def retry_delay(failures: int) -> float:
    """Return the seconds to wait after this many failures in succession: 1, 2, 4, … up to the maximum."""
    return min(LONGEST_RETRY_S, 2.0 ** min(failures - 1, 10))
