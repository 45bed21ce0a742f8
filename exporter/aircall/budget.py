"""How many requests we allow ourselves, and when the next one may go out."""

import math
from collections import deque

from exporter.aircall.headers import Headers

DEFAULT_LIMIT = 60.0
"""The company's requests a minute until the API announces its own limit (tutorial, "Rate Limiting")."""

DEFAULT_BACKOFF_S = 10.0
"""Seconds to stand still after a 429 that does not say when the limit resets; as between two polls."""

MAX_RESET_DELAY_S = 120.0
"""Seconds beyond which an announced reset is not believed."""

LIMIT_KEPT = 900.0
"""Seconds for which the last limit that an endpoint announced counts."""

LIMIT_DOUBTED = 60.0
"""Seconds for which an earlier limit of the same endpoint counts, too: servers may disagree."""

MIN_BUDGET = 2.0
"""Requests a minute below which nothing could be polled at all."""

WINDOW = 61.0
"""Seconds in which no more goes out than in a minute is allowed: what arrives may lie closer together than
what was sent."""


class RequestBudget:
    """Never more than `requests_per_minute` requests in any 60 seconds, and as many where they are wanted.

    Each request waits until the one a whole budget before it is a minute old: that keeps the limit,
    whatever came in between. And they go out at an even pace, but for a small burst that is saved up
    while nothing is asked: no minute is spent at once, so none is waited for.
    """

    def __init__(self, share: float, limit: float | None = None, at_once: bool = False) -> None:
        """Take `share` (0 to 1) of `limit` requests a minute, or of what is announced where that is none.

        `at_once` saves up a whole minute's, for who has little to ask and is waited for.
        """
        self.share = share
        self._at_once = at_once
        self.spent = 0
        """Requests so far."""
        self.remaining: int | None = None
        self._asked_limit = limit
        self._announced: dict[tuple[str, float], float] = {}
        """When each endpoint last announced each limit, as far as that counts."""
        self._blocked_until = 0.0
        self._sent: deque[float] = deque()
        """When the requests of the last `WINDOW` went out."""
        self._even_at = -math.inf
        """When the next request would go out, had all gone out at an even pace."""

    def configure(self, share: float, limit: float | None) -> None:
        """Follow a changed configuration, keeping what was learned and spent."""
        self.share, self._asked_limit = share, limit

    @property
    def limit(self) -> float:
        """The company's requests a minute: the configured ones, but never more than the API announces.

        Endpoints may announce different limits. The smallest one that counts is taken.
        """
        configured = [] if self._asked_limit is None else [self._asked_limit]
        return min([*configured, *(limit for _, limit in self._announced)], default=DEFAULT_LIMIT)

    @property
    def requests_per_minute(self) -> float:
        """Our part of the limit."""
        return max(MIN_BUDGET, self.limit * self.share)

    @property
    def sustained(self) -> float:
        """Requests a minute that can go on for ever: whole ones, as no minute holds a part of one."""
        return self._most * 60 / WINDOW

    @property
    def _most(self) -> int:
        return math.floor(self.requests_per_minute + 1e-9)

    @property
    def burst(self) -> float:
        """Requests that may go out at once after a while without any."""
        return float(self._most) if self._at_once else max(1.0, self._most / 12)

    @property
    def _burst_seconds(self) -> float:
        """By how many seconds a request may be ahead of the even pace."""
        return (self.burst - 1) * 60 / self.sustained

    @property
    def ready_at(self) -> float:
        """The earliest time (UNIX seconds) at which a request may go out; the past means at once."""
        return max(self._even_at - self._burst_seconds, self._room_at, self._blocked_until)

    def acquire(self, now: float) -> None:
        """Take one request from the budget, at `now`."""
        # where the minute was full until just now, nothing has been saved up since
        self._even_at = max(self._even_at, now, self._room_at + self._burst_seconds) + 60 / self.sustained
        self._sent.append(now)
        while self._sent[0] < now - WINDOW:
            self._sent.popleft()
        self.spent += 1

    def assume_exhausted(self, since: float) -> None:
        """Begin after another who may have spent as much as it could, up to `since` (UNIX seconds)."""
        self._even_at = since + self.burst * 60 / self.sustained + self._burst_seconds

    def update_from_headers(
        self, headers: Headers, now: float, server_ahead: float = 0.0, endpoint: str = ""
    ) -> None:
        """Take in an answer's headers.

        Args:
            headers: The answer's headers.
            now: UNIX time on our clock, in seconds.
            server_ahead: By how many seconds Aircall's clock leads ours.
            endpoint: The path template of the endpoint that answered.
        """
        if headers.limit is not None:
            self._announced[endpoint, float(headers.limit)] = now
        latest: dict[str, float] = {}
        for (name, _), at in self._announced.items():
            latest[name] = max(at, latest.get(name, at))
        self._announced = {
            key: at
            for key, at in self._announced.items()
            if now - at <= (LIMIT_KEPT if at == latest[key[0]] else LIMIT_DOUBTED)
        }
        if headers.remaining is not None:
            self.remaining = headers.remaining
            reset = _believable(headers, now, server_ahead)
            if headers.remaining == 0 and reset is not None:
                self._blocked_until = max(self._blocked_until, reset)

    def on_rate_limited(self, headers: Headers, now: float, server_ahead: float = 0.0) -> float:
        """Stand still after a 429, whose headers are learned by `learn`.

        Returns the time (UNIX seconds, our clock) at which work goes on.
        """
        reset = _believable(headers, now, server_ahead)
        self._blocked_until = now + DEFAULT_BACKOFF_S if reset is None else reset
        return self._blocked_until

    @property
    def _room_at(self) -> float:
        """When the last minute has, or had, room for one more."""
        return self._sent[-self._most] + WINDOW if len(self._sent) >= self._most else -math.inf


def _believable(headers: Headers, now: float, server_ahead: float) -> float | None:
    """When the limit resets, on our clock, where the headers say something that can be true."""
    announced = [] if headers.reset is None else [headers.reset - server_ahead]
    if headers.retry_after is not None:
        announced.append(now + headers.retry_after)
    return next((at for at in announced if now < at <= now + MAX_RESET_DELAY_S), None)
