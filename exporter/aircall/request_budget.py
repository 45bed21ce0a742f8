"""The request budget: how many requests may be sent, and when the next one may go out."""

import math
from collections import deque

from exporter.aircall.headers import Headers

DEFAULT_LIMIT = 60.0
"""The company's requests per minute until the API announces its limit (tutorial, "Rate Limiting")."""

DEFAULT_BACKOFF_S = 10.0
"""Seconds to pause after a 429 that does not say when the limit resets; as between two polls."""

MAX_RESET_DELAY_S = 120.0
"""Seconds beyond which an announced reset is ignored as wrong."""

LIMIT_VALID_S = 900.0
"""Seconds for which an endpoint's last announced limit is valid."""

LIMIT_OVERLAP_S = 60.0
"""Seconds for which an earlier limit of the same endpoint is also valid, because servers may disagree."""

MIN_BUDGET = 2.0
"""Minimum requests per minute. With fewer, polling is not possible."""

WINDOW_S = 61.0
"""Seconds in which at most one minute's requests are sent. More than 60, because requests may arrive closer
together than they were sent."""


class RequestBudget:
    """Allows up to `requests_per_minute` requests in any 60 seconds.

    A request waits until the one `requests_per_minute` before it is a minute old. In addition, requests are
    evenly spaced, except for a small burst after a pause. So the budget of a minute is never used up at once.
    """

    def __init__(self, share: float, limit: float | None = None, at_once: bool = False) -> None:
        """Create a budget.

        Args:
            share: Our share of the limit, 0 to 1.
            limit: The company's requests per minute, or None to use the limit that the API announces.
            at_once: Whether a burst may use the budget of a whole minute, as for a command with few requests.
        """
        self.share = share
        self._at_once = at_once
        self.spent = 0
        """Requests sent so far."""
        self.remaining: int | None = None
        self._configured_limit = limit
        self._announced: dict[tuple[str, float], float] = {}
        """When each endpoint last announced each limit, for the limits that are still valid."""
        self._blocked_until = 0.0
        self._sent: deque[float] = deque()
        """The times of the requests in the last `WINDOW_S` seconds."""
        self._even_at = -math.inf
        """When the next request would go out if all were evenly spaced."""

    def configure(self, share: float, limit: float | None) -> None:
        """Apply a changed configuration. Announced limits and sent requests stay."""
        self.share, self._configured_limit = share, limit

    @property
    def limit(self) -> float:
        """The company's requests per minute: as configured, but at most what the API announces.

        Endpoints may announce different limits. The smallest valid one is used.
        """
        configured = [] if self._configured_limit is None else [self._configured_limit]
        return min([*configured, *(limit for _, limit in self._announced)], default=DEFAULT_LIMIT)

    @property
    def is_announced(self) -> bool:
        """Whether the API has announced a limit that is still valid."""
        return bool(self._announced)

    @property
    def requests_per_minute(self) -> float:
        """Our share of the limit."""
        return max(MIN_BUDGET, self.limit * self.share)

    @property
    def sustained(self) -> float:
        """Requests per minute that can be sent indefinitely."""
        return self._max_in_window * 60 / WINDOW_S

    @property
    def _max_in_window(self) -> int:
        return math.floor(self.requests_per_minute + 1e-9)

    @property
    def burst(self) -> float:
        """Requests that may go out at once after a pause."""
        return float(self._max_in_window) if self._at_once else max(1.0, self._max_in_window / 12)

    @property
    def _burst_seconds(self) -> float:
        """Seconds by which a request may be ahead of even spacing."""
        return (self.burst - 1) * 60 / self.sustained

    @property
    def ready_at(self) -> float:
        """The earliest time (UNIX seconds) for the next request. A time in the past means at once."""
        return max(self._even_at - self._burst_seconds, self._room_at, self._blocked_until)

    def acquire(self, now: float) -> None:
        """Take one request from the budget, at `now`."""
        # if the window was full until just now, no burst has been saved up since
        self._even_at = max(self._even_at, now, self._room_at + self._burst_seconds) + 60 / self.sustained
        self._sent.append(now)
        while self._sent[0] < now - WINDOW_S:
            self._sent.popleft()
        self.spent += 1

    def assume_exhausted(self, since: float) -> None:
        """Assume that another exporter used the whole budget until `since` (UNIX seconds)."""
        self._even_at = since + self.burst * 60 / self.sustained + self._burst_seconds

    def update_from_headers(
        self, headers: Headers, now: float, server_ahead: float = 0.0, endpoint: str = ""
    ) -> None:
        """Update the limit from the headers of a response.

        Args:
            headers: The response's headers.
            now: The present time (UNIX seconds, our clock).
            server_ahead: Seconds by which Aircall's clock is ahead of ours.
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
            if now - at <= (LIMIT_VALID_S if at == latest[key[0]] else LIMIT_OVERLAP_S)
        }
        if headers.remaining is not None:
            self.remaining = headers.remaining
            reset = _plausible_reset(headers, now, server_ahead)
            if headers.remaining == 0 and reset is not None:
                self._blocked_until = max(self._blocked_until, reset)

    def on_rate_limited(self, headers: Headers, now: float, server_ahead: float = 0.0) -> float:
        """Pause after a 429, whose headers are passed to `update_from_headers` as well.

        Returns the time (UNIX seconds, our clock) at which requests may be sent again.
        """
        reset = _plausible_reset(headers, now, server_ahead)
        self._blocked_until = now + DEFAULT_BACKOFF_S if reset is None else reset
        return self._blocked_until

    @property
    def _room_at(self) -> float:
        """When the last window has, or had, room for one more request."""
        is_full = len(self._sent) >= self._max_in_window
        return self._sent[-self._max_in_window] + WINDOW_S if is_full else -math.inf


def _plausible_reset(headers: Headers, now: float, server_ahead: float) -> float | None:
    """Return when the limit resets, on our clock, or None if the headers have no plausible time."""
    announced = [] if headers.reset is None else [headers.reset - server_ahead]
    if headers.retry_after is not None:
        announced.append(now + headers.retry_after)
    return next((at for at in announced if now < at <= now + MAX_RESET_DELAY_S), None)
