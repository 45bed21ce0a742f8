"""Decide whether a 429 concerns the company's rate limit or only the request that it answers."""

import math
from enum import Enum
from typing import Any

from cachetools import TTLCache

from exporter.aircall.endpoints import Request
from exporter.aircall.headers import Headers

REMEMBERED_S = 7200.0
"""Seconds for which a refused request is remembered: longer than the retry interval of objects set aside."""

Key = tuple[str, int | str | None, bool]
"""A request without its query, because the times in it change between fetches."""


class Refusal(Enum):
    """What follows from a 429."""

    PAUSE = "all requests wait until the limit resets"
    TASK_WAITS = "the limit is not used up, so the request is retried later, and others continue"
    FAILURE = "the request itself has failed, and others continue"
    PAUSE_AND_FAILURE = "the request itself has failed, but the limit may be used up, too"

    @property
    def pauses(self) -> bool:
        """Whether all requests wait."""
        return self in (Refusal.PAUSE, Refusal.PAUSE_AND_FAILURE)

    @property
    def is_failure(self) -> bool:
        """Whether the request itself has failed."""
        return self in (Refusal.FAILURE, Refusal.PAUSE_AND_FAILURE)


class Throttling:
    """Remembers which requests were refused with 429, and whether others have been answered since.

    All times are UNIX seconds on our clock.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._refused: TTLCache[Key, int] = TTLCache(math.inf, REMEMBERED_S, timer=lambda: self._now)
        """For each refused request, how many others were answered before it was refused first."""
        self._answered = 0
        self._refused_before: str | None = None
        """The endpoint of the request before, if that was refused."""

    def answered(self, request: Request[Any]) -> None:
        """Record that a request was answered by anything but a 429."""
        self._refused.pop(_key(request), None)
        self._answered += 1
        self._refused_before = None

    def refused(self, request: Request[Any], headers: Headers, now: float) -> Refusal:
        """Record a 429 and decide what follows.

        The first 429 of a request means that the limit is used up, unless the headers say that requests
        remain. The next one is a failure of the request itself if requests remain, or if another request has
        been answered since the first. All requests wait nevertheless if another endpoint refused the request
        before this one, and the headers do not say that requests remain.
        """
        self._now, key = now, _key(request)
        is_known = key in self._refused
        answered = self._refused[key] = self._refused.get(key, self._answered)
        some_remain = (headers.remaining or 0) > 0
        others_refused = self._refused_before not in (None, request.template)
        self._refused_before = request.template
        if is_known and (some_remain or self._answered > answered):
            return Refusal.PAUSE_AND_FAILURE if others_refused and not some_remain else Refusal.FAILURE
        return Refusal.TASK_WAITS if some_remain else Refusal.PAUSE


def _key(request: Request[Any]) -> Key:
    return request.template, request.id, request.further
