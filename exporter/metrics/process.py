"""The process, by prometheus-client's own collector."""

from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import Metric, ProcessCollector


class ProcessMetrics(ProcessCollector):
    """The same families; `process_start_time_seconds` is right also after the wall clock was set.

    The collector computes it from the UNIX time of the system's start, which it reads only once. The system
    changes that time when the wall clock is set.
    """

    def collect(self) -> Iterable[Metric]:
        with suppress(OSError):
            self._btime = self._boot_time()  # type: ignore[no-untyped-call]
        return super().collect()
