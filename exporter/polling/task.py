"""Hold the state of one dataset in the poller: when it is due, and the fetch that is under way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.aircall.endpoints import ApiTask, Request

RETRY_S = 30.0
"""Seconds after which a failed request is retried, unless its dataset is due sooner."""

MAX_RETRY_S = 300.0
"""Upper bound in seconds of that time, which doubles each time a fetch fails again."""

MAX_ATTEMPTS = 2
"""Failures of one request after which the whole fetch is restarted."""

EARLY_INTERVAL, EARLY_BURST = 60.0, 2
"""Seconds between two fetches that were requested early, and how many may follow each other at once."""

COST_SMOOTHING = 0.1
"""Weight of the latest fetch in the smoothed cost factor."""


@dataclass
class DatasetTask:
    """A dataset, the progress of its fetch, and when that continues. Times are UNIX seconds, our clock."""

    begin: Callable[[float], ApiTask[None]]
    due: float = 0.0
    due_now: bool = False
    """Whether to fetch at once."""
    early: bool = False
    """Whether a fetch was requested before it is due."""
    early_from: float = 0.0
    """When the next early fetch may begin."""
    was_early: bool = False
    """Whether the present or last fetch was early."""
    job: ApiTask[None] | None = None
    pending: Request[Any] | None = None
    """The request that the fetch waits for. It stays while it fails, so earlier pages are not lost."""
    retry_at: float = 0.0
    started: float = 0.0
    scheduled: float = 0.0
    """When the present or last fetch should have begun. Delays must not add up."""
    elapsed: float = 0.0
    """Seconds from the start of the previous fetch to that of the present or last one."""
    requests: int = 0
    cost: float = 1.0
    """Requests that the last fetch took."""
    cost_factor: float = 1.0
    """Smoothed ratio of actual to estimated requests of recent fetches."""
    interval: float = 0.0
    """The interval in seconds when the present or last fetch began."""
    as_of: float | None = None
    """When the last complete fetch began; None if there was none."""
    as_of_interval: float = 0.0
    """The interval in seconds when the last complete fetch began."""
    failures: int = 0
    """How often the pending request has failed."""
    failed_at: float | None = None
    """When the pending request failed, if its retry waits for proof that lists can be fetched."""
    restarts: int = 0
    """How often the fetch was restarted since the last complete one."""
    failed_starts: int = 0
    """How often a fetch was restarted because its first request failed, since the last complete one."""
    failing_since: float | None = None
    verifying: bool = False
    """Whether the present or next fetch is an extra one that verifies the last."""

    @property
    def expected_cost(self) -> float:
        """Requests that a fetch takes: of the last one, or of the present one if that took more already."""
        return max(self.cost, self.requests) if self.job is not None else self.cost

    @property
    def working(self) -> bool:
        """Whether the last fetch succeeded."""
        return self.as_of is not None and self.failing_since is None

    @property
    def is_on_demand(self) -> bool:
        """Whether it was requested early, and has been fetched before."""
        return self.as_of is not None and (self.was_early if self.job is not None else self.early)

    @property
    def ready_at(self) -> float:
        """When the next request of this task may be sent."""
        if self.job is not None or self.due_now:
            return self.retry_at
        return min(self.due, max(self.retry_at, self.early_from)) if self.early else self.due

    def start(self, now: float, interval: float) -> None:
        """Begin a fetch.

        Raises:
            StopIteration: There is nothing to fetch.
        """
        on_time = not (self.due_now or self.early) and self.due > 0 and now - self.due < interval
        self.scheduled = self.due if on_time else now
        self.elapsed = now - self.started
        self.started, self.due, self.due_now = now, self.scheduled + interval, False
        self.interval = interval
        if self.early:
            spared = now - EARLY_INTERVAL * (EARLY_BURST - 1)
            self.early_from = max(self.early_from, spared) + EARLY_INTERVAL
        self.was_early, self.early = self.early, False
        self.retry_at, self.requests, self.failures, self.failed_at = 0.0, 0, 0, None
        self.job = self.begin(now)
        self.pending = next(self.job)

    def finish(self) -> None:
        """Record that the fetch is complete."""
        self.abort()
        self.failing_since, self.restarts, self.failed_starts = None, 0, 0
        self.as_of, self.cost = self.started, self.requests
        self.as_of_interval = self.interval

    def schedule_verification(self, in_doubt: bool) -> None:
        """Fetch again at once if the last fetch left something `in_doubt`, but only once in a row."""
        self.verifying = in_doubt and not self.verifying
        self.due_now |= self.verifying

    def restart(self) -> None:
        """Abort the fetch. The next one begins with its first request."""
        self.restarts += 1
        self.abort()

    def record_failure(self) -> None:
        """Record that the pending request failed: it is retried, or the fetch is restarted."""
        self.failures += 1
        if self.failures >= MAX_ATTEMPTS:
            self.failed_starts += self.pending is not None and not self.pending.is_part
            self.restart()

    def fail(self, sent: float, interval: float) -> None:
        """Schedule the retry of a request that was `sent`, at the latest after `interval` seconds."""
        self.failing_since = sent if self.failing_since is None else self.failing_since
        doubled = min(self.restarts, 10)  # avoids overflow of the power after hours of failures
        self.retry_at = self.due = sent + min(interval, MAX_RETRY_S, RETRY_S * 2**doubled)

    def update_cost_factor(self, estimate: float) -> None:
        """Compare the requests of the last fetch with the `estimate`."""
        self.cost_factor += COST_SMOOTHING * (self.requests / max(1.0, estimate) - self.cost_factor)

    def abort(self) -> None:
        """End the fetch, whether it is complete or not."""
        self.job = self.pending = None
