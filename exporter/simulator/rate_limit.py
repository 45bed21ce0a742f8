"""Count requests against the company's rate limit per minute."""

from threading import Lock

WINDOW_S = 60
"""Length of a window in seconds. Windows follow each other without a gap, each with the full limit."""


class SpentRequests:
    """Counts the requests of the current window. Times are UNIX seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._window = 0
        self._spent = 0

    def spend(self, now: float, requests: int = 1) -> int:
        """Count `requests`, and return the total in this window."""
        window = int(now // WINDOW_S)
        with self._lock:
            if window != self._window:
                self._window, self._spent = window, 0
            self._spent += requests
            return self._spent

    @property
    def reset(self) -> int:
        """The start of the next window (UNIX seconds)."""
        return (self._window + 1) * WINDOW_S
