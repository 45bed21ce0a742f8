"""Index the calls of the simulated account by id and by start."""

from bisect import bisect_left, bisect_right, insort

from exporter.simulator.models import SimulatedCall


def _order(call: SimulatedCall) -> tuple[int, int]:
    return call.started_at, call.id


class CallHistory(dict[int, SimulatedCall]):
    """All calls by id, and in the order of their starts."""

    def __init__(self) -> None:
        super().__init__()
        self.chronological: list[SimulatedCall] = []

    def add(self, call: SimulatedCall) -> None:
        """Add a call, which may have started before earlier ones."""
        self[call.id] = call
        insort(self.chronological, call, key=_order)

    def started_between(self, first: float, last: float) -> range:
        """Return the positions in `chronological` of calls that began from `first` to `last` (UNIX time)."""
        begin = bisect_left(self.chronological, first, key=lambda call: call.started_at)
        end = bisect_right(self.chronological, last, key=lambda call: call.started_at)
        return range(begin, max(begin, end))
