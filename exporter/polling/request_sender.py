"""Send requests out of the budget, and take in what each answer says about the limit and the time."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

import structlog

from exporter.aircall.client import Client
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import NO_ANSWER, ApiError, RateLimitedError
from exporter.aircall.headers import Headers
from exporter.aircall.request_budget import DEFAULT_BACKOFF_S
from exporter.polling.refused_requests import Throttling
from exporter.polling.state import PollingState

log = structlog.get_logger()

T = TypeVar("T")


class RequestSender:
    """Sends the requests of tasks, one at a time."""

    def __init__(self, client: Client, state: PollingState) -> None:
        """Send requests by `client`."""
        self.client = client
        self.while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered while an answer is awaited: other threads may use the account then."""
        self.paused_until = 0.0
        """When the next request may be sent (UNIX seconds, our clock), apart from the budget."""
        self.refused_task: str | None = None
        """The task whose request was answered with 429 last. Another task that is ready goes first."""
        self._budget, self._tasks, self._intervals = state.budget, state.tasks, state.intervals
        self._server_time, self._clock = state.server_time, state.clock
        self._metrics, self._once_logger = state.metrics, state.once_logger
        self._unknown_fields = state.unknown_fields
        self._throttling = Throttling()

    @property
    def ready_at(self) -> float:
        """When the next request may be sent (UNIX seconds, our clock)."""
        return max(self._budget.ready_at, self.paused_until)

    def send(self, name: str, request: Request[T], now: float) -> T:
        """Send a request of the task `name`, and return the decoded answer.

        Raises:
            RateLimitedError: The company's limit is used up, or this request has to be repeated later.
            ApiError: The request has failed, which may also be a repeated 429.
        """
        self._budget.acquire(now)
        try:
            with self.while_waiting():
                value, headers = self.client.send(self._unknown_fields.watched(request))
        except RateLimitedError as error:
            if self._is_failure(name, request, error, now):
                raise ApiError(error.code, str(error), error.headers) from error
            raise
        except ApiError as error:
            self.refused_task = None
            if error.code not in NO_ANSWER:
                self._throttling.answered(request)
            self._apply_headers(error.headers, now, request.template)
            raise
        self.refused_task = None
        self._throttling.answered(request)
        self._apply_headers(headers, now, request.template)
        return value

    def _is_failure(self, name: str, request: Request[T], error: RateLimitedError, sent: float) -> bool:
        """Take in a 429. Return whether it is about this request only, and not about the company's limit."""
        now, headers = self._clock(), error.headers
        self._metrics.throttled.inc()
        self.refused_task = name
        refusal = self._throttling.refused(request, headers, now)
        if refusal.pauses:
            self._apply_headers(headers, sent, request.template)
            until = self._budget.on_rate_limited(headers, now, self._server_time.clock.ahead)
            log.warning("company's rate limit used up", waiting=f"{until - now:.0f}s")
        else:
            self._apply_headers(replace(headers, remaining=None, reset=None), sent, request.template)
        if not refusal.pauses and not refusal.is_failure:
            self._tasks[name].retry_at = now + DEFAULT_BACKOFF_S
        return refusal.is_failure

    def _apply_headers(self, headers: Headers, sent: float, endpoint: str) -> None:
        received, before = self._clock(), self._budget.limit
        if headers.date is not None:
            self._server_time.observe(headers.date, sent, received)
        self._budget.update_from_headers(headers, received, self._server_time.clock.ahead, endpoint)
        self._once_logger.limit(self._budget.limit, self._budget.requests_per_minute, received)
        if self._budget.limit != before:
            self._intervals.recalculate()
