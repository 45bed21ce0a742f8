"""Push the queue in a thread, so that no poll and no scrape waits for Grafana."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from exporter.aircall.failure_messages import address
from exporter.clock import Clocks, Moment
from exporter.config.settings import GrafanaLive
from exporter.config.yaml_file import ConfigError
from exporter.durations import Duration
from exporter.grafana_live.client import GrafanaClient, PushError
from exporter.grafana_live.lines import queue_lines
from exporter.grafana_live.metrics import LiveMetrics
from exporter.grafana_live.schedule import Pushed, next_push_at, retry_delay, waiting_calls
from exporter.grafana_live.token_file import read_token
from exporter.polling.status import Snapshot
from exporter.worker_thread import WorkerThread

log = structlog.get_logger()

IDLE_WAIT_S = 60.0
"""Maximum seconds between two turns of the thread, which is also woken by each snapshot."""

TOKEN_RETRY_S = 1.0
"""Seconds between two attempts to read the file with the token, which may be created later."""

ERROR_BACKOFF_S = 5.0
"""Seconds to wait after an unexpected error."""

HANG_TIMEOUT_S = 60.0
"""Seconds after which the thread counts as hung; a push takes a few seconds at most."""


@dataclass(slots=True)
class _Outage:
    """Failures in succession. `cause` is the kind of the last one that was logged."""

    since: float
    failures: int = 0
    cause: str = ""


class LivePusher:
    """Pushes the latest queue when it is due. A state that could not be pushed is not kept."""

    def __init__(self, latest: Callable[[], Snapshot], clocks: Clocks, metrics: LiveMetrics) -> None:
        """Create the thread without starting it.

        Args:
            latest: Returns the latest snapshot, which also has the settings.
            clocks: Our clock and the wall clock.
            metrics: Counts the pushes.
        """
        self._latest, self._clocks, self._metrics = latest, clocks, metrics
        self._settings = GrafanaLive()
        self._client = GrafanaClient("", "")
        self._last: Pushed | None = None
        self._outage: _Outage | None = None
        self._retry_at = 0.0
        self._announced = False
        self.loop = WorkerThread("grafana_live", self._run_once, clocks.steady, HANG_TIMEOUT_S, self._close)

    def step(self) -> float:
        """Push the queue if it is due. Return when it is due next (seconds, our clock)."""
        snapshot, now = self._latest(), self._clocks.steady()
        if snapshot.board.settings.grafana_live != self._settings:
            self._configure(snapshot.board.settings.grafana_live)
        if not self._settings.url:
            return now + IDLE_WAIT_S
        if max(next_push_at(snapshot.board, self._last), self._retry_at) <= now:
            self._attempt(snapshot, now)
        due = max(next_push_at(self._latest().board, self._last), self._retry_at)
        return min(due, now + IDLE_WAIT_S)

    def _configure(self, settings: GrafanaLive) -> None:
        self._client.close()
        self._settings, self._client = settings, GrafanaClient(settings.url, settings.stream)
        self._last, self._outage, self._retry_at, self._announced = None, None, 0.0, False

    def _attempt(self, snapshot: Snapshot, now: float) -> None:
        lines = "".join(f"{line}\n" for line in queue_lines(snapshot, Moment(now, self._clocks.wall_ahead)))
        try:
            self._client.push(lines.encode(errors="replace"), read_token(self._settings))
        except ConfigError as error:
            self._failed("token", str(error), now)
            self._retry_at = self._clocks.steady() + TOKEN_RETRY_S
        except PushError as error:
            failures = self._failed("rejected" if error.rejected else "unavailable", str(error), now)
            self._retry_at = self._clocks.steady() + retry_delay(failures)
        else:
            self._succeeded(now)
            self._last = Pushed(waiting_calls(snapshot.board), now)

    def _failed(self, cause: str, problem: str, now: float) -> int:
        """Count a failure, and log it if it is the first, or of another kind than the one before.

        Returns how many there were in succession.
        """
        self._metrics.count("error")
        outage = self._outage = self._outage or _Outage(now)
        outage.failures += 1
        if cause != outage.cause:
            outage.cause = cause
            log.warning("pushes to Grafana Live fail, retrying", problem=problem)
        return outage.failures

    def _succeeded(self, now: float) -> None:
        self._metrics.count("success")
        if self._outage is not None:
            lasted = Duration(round(now - self._outage.since))
            log.info("pushes to Grafana Live work again", failed=self._outage.failures, after=str(lasted))
        elif not self._announced:
            log.info("pushing the queue to Grafana Live", grafana=address(self._settings.url))
        self._outage, self._announced = None, True

    def _close(self) -> None:
        self._client.close()

    def _run_once(self) -> float:
        try:
            return self.step()
        except Exception:  # only a signal ends the exporter
            log.exception("unexpected error in Grafana Live, continuing")
            return self._clocks.steady() + ERROR_BACKOFF_S
