"""Errands: work that somebody waits for, done by the poller out of the one request budget."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, TypeVar

from exporter.aircall.endpoints import ApiTask
from exporter.aircall.errors import ApiError, CredentialError

T = TypeVar("T")


class TooManyRequestsError(Exception):
    """Too many wait for an errand already."""


class OnDemandRequest(Generic[T]):
    """Something to ask Aircall, and what comes of it, which somebody waits for in another thread."""

    def __init__(self, work: Callable[[], ApiTask[T]]) -> None:
        self.work = work
        self._result: Future[T] = Future()

    @property
    def is_pending(self) -> bool:
        return not self._result.cancelled()

    def done(self, result: T) -> None:
        """Hand over what has come of it."""
        if self._result.set_running_or_notify_cancel():
            self._result.set_result(result)

    def failed(self, error: Exception) -> None:
        """Hand over what went wrong."""
        if self._result.set_running_or_notify_cancel():
            self._result.set_exception(error)

    def wait(self, seconds: float) -> T:
        """What comes of the work, or what it raises: ApiError where Aircall cannot be asked.

        Raises TimeoutError, and lets the errand go, if nothing comes in time.
        """
        try:
            return self._result.result(seconds)
        except TimeoutError:
            self._result.cancel()
            raise


class NotLeaderError(Exception):
    """Another exporter polls the account."""


ON_DEMAND_ERRORS = (ApiError, TooManyRequestsError, NotLeaderError, TimeoutError)
"""What may come of an errand instead of an answer."""


def to_http_error(error: Exception) -> tuple[int, str]:
    """The same for an HTTP client: the status, and a line that says why."""
    if isinstance(error, TooManyRequestsError):
        return 503, "too many wait for an answer of Aircall's already, try again in a moment"
    if isinstance(error, NotLeaderError):
        return 503, "this exporter stands by, ask the one that polls the account"
    if isinstance(error, CredentialError):
        return 502, "Aircall rejects the exporter's credential"
    if isinstance(error, ApiError):
        return 502, f"Aircall cannot be asked now: {error}"
    return 504, "Aircall did not answer in time, try again in a moment"


class ConcurrencyLimit:
    """Lets so many wait at a time; entering it raises BusyError where they are too many."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise TooManyRequestsError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._places.release()
