"""Run requests for which a client waits, in the poller and within its request budget."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, TypeVar

from exporter.aircall.endpoints import ApiTask
from exporter.aircall.errors import ApiError, CredentialError

T = TypeVar("T")


class TooManyRequestsError(Exception):
    """Too many clients wait for on-demand requests."""


class OnDemandRequest(Generic[T]):
    """A request to Aircall and its result, for which another thread waits."""

    def __init__(self, work: Callable[[], ApiTask[T]]) -> None:
        self.work = work
        self._result: Future[T] = Future()

    @property
    def is_pending(self) -> bool:
        """Return whether the client still waits."""
        return not self._result.cancelled()

    def done(self, result: T) -> None:
        """Set the result."""
        if self._result.set_running_or_notify_cancel():
            self._result.set_result(result)

    def failed(self, error: Exception) -> None:
        """Set the error."""
        if self._result.set_running_or_notify_cancel():
            self._result.set_exception(error)

    def wait(self, seconds: float) -> T:
        """Return the result, or raise the error of the work, such as ApiError.

        Raises:
            TimeoutError: There is no result in time. The request is cancelled.
        """
        try:
            return self._result.result(seconds)
        except TimeoutError:
            self._result.cancel()
            raise


class NotLeaderError(Exception):
    """Another exporter polls the account."""


ON_DEMAND_ERRORS = (ApiError, TooManyRequestsError, NotLeaderError, TimeoutError)
"""Errors of an on-demand request."""


def to_http_error(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the message for an error."""
    if isinstance(error, TooManyRequestsError):
        return 503, "too many requests wait for Aircall already, try again in a moment"
    if isinstance(error, NotLeaderError):
        return 503, "this exporter is on standby, use the one that polls the account"
    if isinstance(error, CredentialError):
        return 502, "Aircall rejects the exporter's credential"
    if isinstance(error, ApiError):
        return 502, f"Aircall cannot be asked now: {error}"
    return 504, "Aircall did not answer in time, try again in a moment"


class ConcurrencyLimit:
    """Limit the number of concurrent requests. Entering it raises TooManyRequestsError beyond the limit."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise TooManyRequestsError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._places.release()


def run_on_demand(waiting: deque[OnDemandRequest[Any]]) -> ApiTask[None]:
    """Work on queued on-demand requests, one after the other. Each stays in the queue until it is done."""
    while waiting:
        request = waiting[0]
        try:
            result = yield from request.work()
        except Exception as error:  # reported to the client; the next request follows
            waiting.popleft()
            request.failed(error)
        else:
            waiting.popleft()
            request.done(result)
