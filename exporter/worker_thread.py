"""Run a function repeatedly in a thread that a watchdog can check."""

import threading
import time
from collections.abc import Callable

from exporter.clock import Clock


class WorkerThread:
    """Calls `run_once` in its own thread until it is stopped.

    `run_once` returns when it is next due (seconds, our clock); `wake` calls it earlier. If it raises, the
    thread ends. If it takes longer than `hang_timeout` seconds, the thread counts as hung; the time of a
    suspend is not included. `last` is called when the thread is stopped.
    """

    def __init__(
        self,
        name: str,
        run_once: Callable[[], float],
        clock: Clock,
        hang_timeout: float,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self._run_once, self._on_stop = run_once, last
        self._clock, self._hang_timeout = clock, hang_timeout
        self._wake = threading.Event()
        self._stopping = False
        self._busy_since: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        thread.start()
        self._thread = thread  # set after the start, as a thread that has not started would look dead

    def stop(self, seconds: float) -> None:
        """Stop the thread, and wait for at most `seconds` until the current call ends."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def wake(self) -> None:
        """End the wait for the next turn."""
        self._wake.set()

    @property
    def died(self) -> bool:
        """Whether the thread has ended without `stop`."""
        return not self._stopping and self._thread is not None and not self._thread.is_alive()

    @property
    def problem(self) -> str | None:
        """The thread's problem in a few words, or `None` if it works."""
        if self.died:
            return f"the {self.name} thread has died"
        if (busy := self.busy_for) > self._hang_timeout:
            return f"the {self.name} thread has hung for {busy:.0f}s"
        return None

    @property
    def busy_for(self) -> float:
        """Seconds since the current call of `run_once` began; 0 between two calls."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._stopping:  # checked after clearing, which could otherwise discard the wake-up of `stop`
                break
            self._busy_since = time.monotonic()
            due = self._run_once()
            self._busy_since = None
            self._wake.wait(max(0.0, due - self._clock()))
        self._on_stop()
