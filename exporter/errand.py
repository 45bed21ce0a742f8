"""Errands: single calls that somebody waits for, read by the poller out of the one request budget."""

import threading
from concurrent.futures import Future
from types import TracebackType

from exporter.aircall.objects import ReadCall


class BusyError(Exception):
    """Too many wait for a call already."""


class Errand:
    """One call to be read, and the answer that somebody waits for in another thread."""

    def __init__(self, call_id: int) -> None:
        self.call_id = call_id
        self._answer: Future[ReadCall | None] = Future()

    @property
    def still_wanted(self) -> bool:
        return not self._answer.cancelled()

    def done(self, call: ReadCall | None) -> None:
        """Hand over the call; none where there is none."""
        if self._answer.set_running_or_notify_cancel():
            self._answer.set_result(call)

    def wait(self, seconds: float) -> ReadCall | None:
        """The call. Raises TimeoutError, and lets the errand go, if it does not come in time."""
        try:
            return self._answer.result(seconds)
        except TimeoutError:
            self._answer.cancel()
            raise


class Errands:
    """Lets so many wait at a time; entering it raises BusyError where they are too many."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise BusyError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._places.release()
