"""Define the faults of Aircall's API."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any

from starlette.responses import Response

from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Fault, Hang, Respond
from exporter.simulator.server import SimulatedAircall
from harness.chaos.tracks import Action

WRONG_DATES = (600.0, -600.0, 86_400.0, -86_400.0, 40 * 86_400.0)
"""Errors of `Date` in seconds, to which a few minutes are added."""


class ApiFaults:
    """The faults of a simulated account's API, and the time since which no request succeeds."""

    def __init__(self, aircall: SimulatedAircall, random: Random) -> None:
        self._aircall, self._random = aircall, random
        self.down_since: float | None = None
        """UNIX seconds, or None while some requests succeed."""

    def actions(self) -> list[Action]:
        """Return all faults."""
        every, some = self._everything, self._for_some_requests
        gateway = faults.answer(502, b"bad gateway", "text/plain")
        html = faults.answer(200, b"<!doctype html><title>Back soon</title>", "text/html")
        return [
            Action("500 to everything", every(faults.answer(500))),
            Action("502 to every second request", some(1 / 2, gateway)),
            Action("403 to everything", every(faults.answer(403))),
            Action("429 to everything", every(faults.answer(429))),
            Action("429 until the minute is over", self._limit_used_up),
            Action("a reset within each answer", every(faults.reset)),
            Action("a reset within every third answer", some(1 / 3, faults.reset)),
            Action("each connection closed without an answer", every(faults.close_connection)),
            Action("each body cut off", every(faults.cut_off)),
            Action("every third body cut off", some(1 / 3, faults.cut_off)),
            Action("every third answer a web page", some(1 / 3, html)),
            Action("no answers", self._silence),
            Action("slow answers", some(1.0, self._slow)),
            Action("connection refused", self._connection_refused),
            Action("all lists empty", some(1.0, faults.edited(_emptied))),
            Action("lists of calls empty", self._no_calls),
            Action("`Date` wrong on single answers", self._wrong_dates),
        ]

    def _everything(self, respond: Respond) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def inject() -> Iterator[None]:
            with self._aircall.failing(Fault(lambda _: True, respond)), self._down():
                yield

        return inject

    def _for_some_requests(
        self, share: float, respond: Respond
    ) -> Callable[[], AbstractContextManager[None]]:
        async def fail_some(exchange: Exchange) -> Response:
            if self._random.random() < share:
                return await respond(exchange)
            return exchange.normal_response()

        return lambda: self._aircall.failing(Fault(lambda _: True, fail_some))

    @contextmanager
    def _down(self) -> Iterator[None]:
        self.down_since = time.time()
        try:
            yield
        finally:
            self.down_since = None

    @contextmanager
    def _limit_used_up(self) -> Iterator[None]:
        self._aircall.spend(self._aircall.rate_limit)
        yield

    @contextmanager
    def _silence(self) -> Iterator[None]:
        hang = Hang()
        with self._everything(hang)():
            yield
        hang.released.set()

    @contextmanager
    def _connection_refused(self) -> Iterator[None]:
        self._aircall.__exit__(None, None, None)
        with self._down():
            yield
        self._aircall.__enter__()

    def _no_calls(self) -> AbstractContextManager[None]:
        return self._aircall.failing(Fault(lambda path: path == "/v1/calls", faults.edited(_emptied)))

    async def _slow(self, exchange: Exchange) -> Response:
        await asyncio.sleep(self._random.uniform(0.5, 8))
        return exchange.normal_response()

    @contextmanager
    def _wrong_dates(self) -> Iterator[None]:
        """Put wrong dates on responses, but never on two in a row."""

        async def respond(exchange: Exchange) -> Response:
            wrong = not self._aircall.date_error and self._random.random() < 1 / 3
            error = self._random.choice(WRONG_DATES) + self._random.uniform(-300, 300)
            self._aircall.date_error = error if wrong else 0.0
            return exchange.normal_response()

        with self._aircall.failing(Fault(lambda _: True, respond)):
            yield
        self._aircall.date_error = 0.0


def _emptied(content: Any) -> None:
    """Remove all objects from a list."""
    for items in content.values():
        if isinstance(items, list):
            items.clear()
    if "meta" in content:
        content["meta"] |= {"count": 0, "total": 0, "next_page_link": None}
