"""Send a command's requests to Aircall one by one, within a budget."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import ApiTask, Request, Response
from exporter.aircall.errors import DroppedConnectionError, NotFoundError, RateLimitedError
from exporter.aircall.headers import Headers
from exporter.aircall.request_budget import RequestBudget
from exporter.aircall.server_clock import ServerClock
from exporter.clock import Clock, steady_clock
from exporter.config.settings import Aircall

T = TypeVar("T")

MAX_RATE_LIMITED_S = 90.0
"""Seconds for which a request is repeated after status 429. Aircall's rate limit windows take a minute."""

LONG_WAIT_S = 2.0
"""A longer wait, in seconds, is reported to the user."""


class ApiRunner:
    """Runs API tasks, and waits if the budget is used up or Aircall responds with 429."""

    def __init__(
        self,
        client: Client,
        budget: RequestBudget,
        clock: Clock,
        say: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`say` is called with the reason for a long wait."""
        self._client, self.budget, self._clock = client, budget, clock
        self._say, self._sleep = say, sleep
        self.server_clock = ServerClock()
        self._waits = False

    def run(self, task: ApiTask[T]) -> T:
        """Run a task and return its result. Raises ApiError and the task's own errors."""
        try:
            request = next(task)
            while True:
                try:
                    response = self._send(request)
                except NotFoundError as error:
                    request = task.throw(error)
                else:
                    request = task.send(response)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _send(self, request: Request[Any]) -> Response[Any]:
        begun = self._clock()
        while True:
            self._wait()
            sent = self._clock()
            self.budget.acquire(sent)
            try:
                value, headers = self._client.send(request)
            except DroppedConnectionError:
                continue  # the next attempt opens a new connection
            except RateLimitedError as error:
                self._apply_headers(error.headers, sent, request.template)
                self.budget.on_rate_limited(error.headers, self._clock(), self.server_clock.ahead)
                if sent - begun > MAX_RATE_LIMITED_S:
                    raise
                self._waits = False
            else:
                self._apply_headers(headers, sent, request.template)
                return Response(value, sent)

    def _wait(self) -> None:
        seconds = max(0.0, self.budget.ready_at - self._clock())
        if seconds > LONG_WAIT_S and not self._waits:
            self._say(f"waiting {seconds:.0f}s, to keep within the rate limit")
            self._waits = True
        self._sleep(seconds)

    def _apply_headers(self, headers: Headers, sent: float, endpoint: str) -> None:
        if headers.date is not None:
            self.server_clock.observe(headers.date, sent, self._clock())
        self.budget.update_from_headers(headers, self._clock(), self.server_clock.ahead, endpoint)


@contextmanager
def api_runner(aircall: Aircall, shared: bool) -> Iterator[ApiRunner]:
    """Provide a runner for the configured account.

    If the limit is `shared` with a running exporter, the runner uses the share that the exporter leaves.
    """
    share = 1 - aircall.budget_share if shared else aircall.budget_share
    client = Client(aircall.base_url, aircall.api_id, aircall.api_token, ClientMetrics(CollectorRegistry()))

    def say(text: str) -> None:
        print(f"aircall-exporter: {text}", file=sys.stderr)

    try:
        yield ApiRunner(
            client, RequestBudget(share, aircall.configured_limit, at_once=True), steady_clock(), say
        )
    finally:
        client.close()
