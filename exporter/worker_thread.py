"""A thread that takes its turn again and again, and that others can look after."""

import threading
import time
from collections.abc import Callable

from exporter.clock import Clock


class WorkerThread:
    """Runs `turn` in a thread of its own until it is stopped.

    A turn returns the time (seconds, our clock) for the next one, which comes sooner if the loop is woken. A
    turn that raises ends the thread, and one that takes longer than `patience` seconds hangs; the time of a
    suspend does not count, in which no thread can go on. `last` is run when the loop is stopped.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], float],
        clock: Clock,
        patience: float,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self._turn, self._last = turn, last
        self._clock, self._patience = clock, patience
        self._wake = threading.Event()
        self._stopping = False
        self._busy_since: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        thread.start()
        self._thread = thread  # only now: one that has not begun would be taken for dead

    def stop(self, seconds: float) -> None:
        """Take no more turns; wait for the present one so long, and leave it behind then."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def wake(self) -> None:
        self._wake.set()

    @property
    def died(self) -> bool:
        """Whether the thread is gone although nobody stopped it."""
        return not self._stopping and self._thread is not None and not self._thread.is_alive()

    @property
    def problem(self) -> str | None:
        """What is wrong with the thread, in a few words; none where it works."""
        if self.died:
            return f"the {self.name} thread has died"
        since = self._busy_since
        if since is not None and (busy := time.monotonic() - since) > self._patience:
            return f"the {self.name} thread has hung for {busy:.0f}s"
        return None

    def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._stopping:  # looked at after clearing, or the call to stop could be cleared with it
                break
            self._busy_since = time.monotonic()
            come_again = self._turn()
            self._busy_since = None
            self._wake.wait(max(0.0, come_again - self._clock()))
        self._last()
