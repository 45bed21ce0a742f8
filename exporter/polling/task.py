"""A lane: one dataset's way through the poller, from one reading to the next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.aircall.endpoints import ApiTask, Request

RETRY_S = 30.0
"""Seconds after which a failed request is made again, unless its dataset is due sooner."""

MAX_RETRY_S = 300.0
"""Seconds that this grows to, twofold each time that a reading fails anew."""

MAX_ATTEMPTS = 2
"""Failures of one request after which its reading begins anew."""

EARLY_INTERVAL, EARLY_BURST = 60.0, 2
"""Seconds from one reading that was asked for to the next, and how many may follow each other at once."""

COST_SMOOTHING = 0.1
"""How much one reading counts in what is known of its cost."""


@dataclass
class DatasetTask:
    """What is read, where its reading stands, and when it goes on. Times are UNIX seconds, our clock."""

    begin: Callable[[float], ApiTask[None]]
    due: float = 0.0
    due_now: bool = False
    """Whether it is to be read at once."""
    early: bool = False
    """Whether it was requested before it is due."""
    early_from: float = 0.0
    """When the next reading of that kind may begin."""
    was_early: bool = False
    """Whether the present or last reading was of that kind."""
    job: ApiTask[None] | None = None
    pending: Request[Any] | None = None
    """The request that the reading waits for; it stays while it fails, so no work in hand is lost."""
    retry_at: float = 0.0
    started: float = 0.0
    scheduled: float = 0.0
    """When the present or last reading should have begun: a little lateness must not add up."""
    elapsed: float = 0.0
    """Seconds from the beginning of the reading before to that of the present or last one."""
    requests: int = 0
    cost: float = 1.0
    """Requests that the last reading took."""
    cost_factor: float = 1.0
    """How many times the requests that were reckoned with readings took of late."""
    interval: float = 0.0
    """Seconds to the next reading that were in force when the present or last reading began."""
    as_of: float | None = None
    """When what is known now was asked for; none before it was read once."""
    as_of_interval: float = 0.0
    """The same interval of the reading that brought what is known now."""
    failures: int = 0
    """How often the pending request has failed."""
    failed_at: float | None = None
    """When the pending request failed, if it is made again once it is known that lists can be read."""
    restarts: int = 0
    """How often the reading began anew since it last came to its end."""
    failing_since: float | None = None
    verifying: bool = False
    """Whether the present or next reading is an extra one, to make sure of the last."""

    @property
    def expected_cost(self) -> float:
        """Requests of a reading, as far as can be told while the present one goes on."""
        return max(self.cost, self.requests) if self.job is not None else self.cost

    @property
    def working(self) -> bool:
        """Whether the last reading worked."""
        return self.as_of is not None and self.failing_since is None

    @property
    def is_on_demand(self) -> bool:
        """Whether it was requested before it is due, and has been read before."""
        return self.as_of is not None and (self.was_early if self.job is not None else self.early)

    @property
    def ready_at(self) -> float:
        """When the next request of this lane may go out."""
        if self.job is not None or self.due_now:
            return self.retry_at
        return min(self.due, max(self.retry_at, self.early_from)) if self.early else self.due

    def start(self, now: float, interval: float) -> None:
        """Begin a reading. Raises StopIteration where there is nothing to ask."""
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
        """The reading has come to its end."""
        self.abort()
        self.failing_since, self.restarts = None, 0
        self.as_of, self.cost = self.started, self.requests
        self.as_of_interval = self.interval

    def schedule_verification(self, in_doubt: bool) -> None:
        """Read once more where the last reading left something `in_doubt`, but not over and over."""
        self.verifying = in_doubt and not self.verifying
        self.due_now |= self.verifying

    def restart(self) -> None:
        """The reading has failed; later it is begun from its first request."""
        self.restarts += 1
        self.abort()

    def record_failure(self) -> None:
        """The pending request has failed: it is made again, or the reading begins anew."""
        self.failures += 1
        if self.failures >= MAX_ATTEMPTS:
            self.restart()

    def fail(self, sent: float, interval: float) -> None:
        """Go on some time after the failed request was `sent`, and no later than after an `interval`."""
        self.failing_since = sent if self.failing_since is None else self.failing_since
        doubled = min(self.restarts, 10)  # after hours of failures the power would be beyond any float
        self.retry_at = self.due = sent + min(interval, MAX_RETRY_S, RETRY_S * 2**doubled)

    def update_cost_factor(self, reckoned: float) -> None:
        """Compare what the reading took with what was `reckoned` with."""
        self.cost_factor += COST_SMOOTHING * (self.requests / max(1.0, reckoned) - self.cost_factor)

    def abort(self) -> None:
        """End the reading, whether it came to its end or not."""
        self.job = self.pending = None
