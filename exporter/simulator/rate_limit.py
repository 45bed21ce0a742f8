"""The company's rate limit: so many requests in each minute."""

from threading import Lock

WINDOW = 60
"""Seconds. Windows follow one another without a gap, each with the full limit."""


class SpentRequests:
    """Counts the requests of the present window. Moments are UNIX seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._window = 0
        self._spent = 0

    def spend(self, now: float, requests: int = 1) -> int:
        """Count `requests`, and say how many there have been in this window with them."""
        window = int(now // WINDOW)
        with self._lock:
            if window != self._window:
                self._window, self._spent = window, 0
            self._spent += requests
            return self._spent

    @property
    def reset(self) -> int:
        """When the next window begins."""
        return (self._window + 1) * WINDOW
