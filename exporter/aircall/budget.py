"""How many requests we allow ourselves, and when the next one may go out."""

from exporter.aircall.headers import Headers

FIRST_LIMIT = 60.0
"""The company's requests a minute until the API announces its own limit (tutorial, "Rate Limiting")."""

UNKNOWN_RESET = 30.0
"""Seconds to stand still after a 429 that does not say when the limit resets; windows are a minute long."""

LATEST_RESET = 120.0
"""Seconds beyond which an announced reset is not believed."""

LEAST_BUDGET = 2.0
"""Requests a minute below which nothing could be polled at all."""


class RequestBudget:
    """Never more than `requests_per_minute` requests in any 60 seconds.

    A bucket of `burst` tokens that fills with what the burst leaves of the budget: whichever 60 seconds
    one looks at, they hold at most the burst that was saved up before plus what trickled in since. A
    small burst is what keeps the board moving: no minute is spent at once, so none is waited for.
    """

    def __init__(self, share: float, limit: float | None = None) -> None:
        """Take `share` (0 to 1) of `limit` requests a minute, or of what is announced where that is none."""
        self.share = share
        self.spent = 0
        """Requests so far."""
        self.remaining: int | None = None
        self._asked_limit = limit
        self._announced_limit: float | None = None
        self._blocked_until = 0.0
        self._tokens = self.burst
        self._filled_at = 0.0

    def configure(self, share: float, limit: float | None) -> None:
        """Follow a changed configuration, keeping what was learned and spent."""
        self.share, self._asked_limit = share, limit
        self._tokens = min(self._tokens, self.burst)

    @property
    def limit(self) -> float:
        """The company's requests a minute, as known: ours to set, but never above what the API announces."""
        known = [limit for limit in (self._asked_limit, self._announced_limit) if limit is not None]
        return min(known, default=FIRST_LIMIT)

    @property
    def requests_per_minute(self) -> float:
        """Our part of the limit."""
        return max(LEAST_BUDGET, self.limit * self.share)

    @property
    def burst(self) -> float:
        """Requests that may go out at once."""
        return max(1.0, self.requests_per_minute / 12)

    @property
    def sustained(self) -> float:
        """Requests a minute that can go on for ever."""
        return self.requests_per_minute - self.burst

    def ready_at(self, now: float) -> float:
        """The earliest time (UNIX seconds) at which a request may go out; `now` or before means at once."""
        self._fill(now)
        missing = 1 - self._tokens
        refilled = now + missing * 60 / self.sustained if missing > 0 else now
        return max(refilled, self._blocked_until)

    def spend(self, now: float) -> None:
        """Take one request from the budget, at `now`."""
        self._fill(now)
        self._tokens -= 1
        self.spent += 1

    def learn(self, headers: Headers, now: float, server_ahead: float = 0.0) -> None:
        """Believe an answer's headers; `server_ahead` is by how many seconds Aircall's clock leads ours."""
        if headers.limit is not None:
            self._fill(now)
            self._announced_limit = float(headers.limit)
            self._tokens = min(self._tokens, self.burst)
        if headers.remaining is not None:
            self.remaining = headers.remaining
            reset = _believable(headers, now, server_ahead)
            if headers.remaining == 0 and reset is not None:
                self._blocked_until = max(self._blocked_until, reset)

    def throttled(self, headers: Headers, now: float, server_ahead: float = 0.0) -> float:
        """Stand still after a 429; gives the time (UNIX seconds, our clock) at which work goes on."""
        self.learn(headers, now, server_ahead)
        reset = _believable(headers, now, server_ahead)
        self._blocked_until = now + UNKNOWN_RESET if reset is None else reset
        return self._blocked_until

    def _fill(self, now: float) -> None:
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self._filled_at) * self.sustained / 60)
        self._filled_at = now


def _believable(headers: Headers, now: float, server_ahead: float) -> float | None:
    """When the limit resets, on our clock, where the headers say something that can be true."""
    announced = [] if headers.reset is None else [headers.reset - server_ahead]
    if headers.retry_after is not None:
        announced.append(now + headers.retry_after)
    return next((at for at in announced if now < at <= now + LATEST_RESET), None)
