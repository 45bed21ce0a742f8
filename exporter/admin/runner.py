"""Asking Aircall for a command: one request after the other, each from a budget."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from exporter.aircall.budget import RequestBudget
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import ApiTask, Request, Response
from exporter.aircall.errors import DroppedConnectionError, NotFoundError, RateLimitedError
from exporter.aircall.headers import Headers
from exporter.aircall.server_clock import ServerClock
from exporter.clock import Clock, steady_clock
from exporter.config import Aircall

T = TypeVar("T")

LONGEST_REFUSAL = 90.0
"""Seconds for which a request is made again that Aircall answers with 429; its windows are a minute long."""

LONG = 2.0
"""Seconds of waiting that are worth a word."""


class ApiRunner:
    """Sends what some work asks, and waits where the budget has no room or Aircall says 429."""

    def __init__(
        self,
        client: Client,
        budget: RequestBudget,
        clock: Clock,
        say: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`say` is told why it takes longer."""
        self._client, self._budget, self._clock = client, budget, clock
        self._say, self._sleep = say, sleep
        self._server_clock = ServerClock()
        self._waits = False

    def run(self, work: ApiTask[T]) -> T:
        """What comes of the work. Raises ApiError, and what the work raises."""
        try:
            request = next(work)
            while True:
                try:
                    answer = self._answer(request)
                except NotFoundError as error:
                    request = work.throw(error)
                else:
                    request = work.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _answer(self, request: Request[Any]) -> Response[Any]:
        begun = self._clock()
        while True:
            self._wait()
            sent = self._clock()
            self._budget.acquire(sent)
            try:
                value, headers = self._client.send(request)
            except DroppedConnectionError:
                continue  # the next one goes out on a new connection
            except RateLimitedError as error:
                self._hear(error.headers, sent, request.template)
                self._budget.on_rate_limited(error.headers, self._clock(), self._server_clock.ahead)
                if sent - begun > LONGEST_REFUSAL:
                    raise
                self._waits = False
            else:
                self._hear(headers, sent, request.template)
                return Response(value, sent)

    def _wait(self) -> None:
        seconds = max(0.0, self._budget.ready_at - self._clock())
        if seconds > LONG and not self._waits:
            self._say(f"waiting {seconds:.0f}s, to keep within the rate limit")
            self._waits = True
        self._sleep(seconds)

    def _hear(self, headers: Headers, sent: float, endpoint: str) -> None:
        if headers.date is not None:
            self._server_clock.observe(headers.date, sent, self._clock())
        self._budget.update_from_headers(headers, self._clock(), self._server_clock.ahead, endpoint)


@contextmanager
def api_runner(aircall: Aircall, beside: bool) -> Iterator[ApiRunner]:
    """Ask the account at hand; `beside` a running exporter, out of the part of the limit that it leaves."""
    share = 1 - aircall.budget_share if beside else aircall.budget_share
    client = Client(aircall.base_url, aircall.api_id, aircall.api_token, ClientMetrics(CollectorRegistry()))

    def say(words: str) -> None:
        print(f"aircall-exporter: {words}", file=sys.stderr)

    try:
        yield ApiRunner(
            client, RequestBudget(share, aircall.configured_limit, at_once=True), steady_clock(), say
        )
    finally:
        client.close()
