"""Expose process metrics with prometheus-client's collector."""

from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import Metric, ProcessCollector


class ProcessMetrics(ProcessCollector):
    """Keeps `process_start_time_seconds` correct after the wall clock was set.

    The base class computes it from the UNIX time of the system's boot, which it reads once. The kernel
    changes that time when the wall clock is set, so this class reads it at each scrape.
    """

    def collect(self) -> Iterable[Metric]:
        """Collect the process metrics with the boot time as of now, since the wall clock may be set."""
        with suppress(OSError):
            self._btime = self._boot_time()  # type: ignore[no-untyped-call]
        return super().collect()
