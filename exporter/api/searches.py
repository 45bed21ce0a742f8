"""Run searches in their own threads, a few at a time, so that no client can delay scrapes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import TypeVar

from starlette.responses import Response

from exporter.archive.criteria import CriterionError
from exporter.archive.database import ArchiveError
from exporter.web.problems import json_answer, problem

MAX_CONCURRENT = 2
"""Searches that run at the same time; others wait."""

SEARCH_TIMEOUT_S = 30.0
"""Seconds that a search may take, including the wait."""

T = TypeVar("T")
Search = Callable[[], bytes | None]
"""Searches, and returns the result as JSON, or None if there is no such object."""


class Searches:
    """Runs searches. One that takes too long is abandoned, but occupies its place until it ends."""

    def __init__(self, at_once: int = MAX_CONCURRENT, patience: float = SEARCH_TIMEOUT_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience

    async def answer(self, prepare: Callable[[], Search], too_long: str) -> Response:
        """Answer a request with the result of a search, or with an error.

        Args:
            prepare: Reads the request, and returns the search. Raises CriterionError if it is invalid.
            too_long: The error if the search takes too long.
        """
        try:
            found = await self.run(prepare())
            return problem(404, "not in the archive") if found is None else json_answer(found)
        except CriterionError as error:
            return problem(400, str(error))
        except ArchiveError as error:
            return problem(503, f"the archive cannot be searched now: {error}")
        except TimeoutError:
            return problem(503, too_long)

    async def run(self, search: Callable[[], T]) -> T:
        """Return or raise the result of `search`. Raises TimeoutError if it takes too long."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._patience):
            await self._free.acquire()
            found: Future[T] = Future()
            # A daemon thread, not a pool's thread, as the process should exit without waiting for it.
            thread = Thread(target=self._search, args=(search, found, loop), name="search", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread could be started
                self._free.release()
                raise
            return await asyncio.wrap_future(found)

    def _search(self, search: Callable[[], T], found: "Future[T]", loop: asyncio.AbstractEventLoop) -> None:
        if found.set_running_or_notify_cancel():
            try:
                found.set_result(search())
            except BaseException as error:
                found.set_exception(error)
        with suppress(RuntimeError):  # the server has stopped meanwhile
            loop.call_soon_threadsafe(self._free.release)
