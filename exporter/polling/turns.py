"""Choose which of the due tasks makes the next request."""

from collections.abc import Iterable, Sequence, Set

from exporter.polling.schedule import ENDED_CALLS, LIVE, ON_DEMAND

MIN_TURN_SHARE = {"availabilities": 0.15, ENDED_CALLS: 0.05}
"""Share of the turns that these live data get while tasks before them in the order are always due."""

ON_DEMAND_SHARE, ON_DEMAND_SHARE_OF_LIVE, ON_DEMAND_BURST = 0.15, 0.05, 6.0
"""Turns that on-demand requests earn per turn of a task that is not live, and per turn of a live one, and how
many of them can be saved up."""

MAX_WAIT_TURNS = 300
"""Turns for which a task that is not live may be due before it goes first among those that are not live."""

MIN_SPARE = 0.25
"""Lower bound of the spare share in the calculation of turns, so that no task waits indefinitely."""


class Turns:
    """Choose which of the due tasks makes the next request.

    Tasks are served in their order, live data first: their intervals keep each of them within its share.
    Tasks later in the order still get some turns while a fetch of many pages is under way.

    Each task gets a turn within a bounded number of turns, even under constant on-demand requests: requests
    beyond their share are served last.
    """

    def __init__(self) -> None:
        self._owed: dict[str, float] = {}
        self._on_demand = ON_DEMAND_BURST
        """How many turns on-demand requests may take before all others."""
        self._turn = 0
        self._due_since: dict[str, int] = {}
        """The number of the turn at which each task became due, or had its last turn since."""

    def next(
        self, due: Sequence[str], share: float, free: float = 1.0, on_demand: Set[str] = frozenset(ON_DEMAND)
    ) -> str | None:
        """Return the task that makes the next request, or None if none is due.

        Args:
            due: Due tasks, in the order in which they are served.
            share: Minimum share of turns, from 0 to below 1, for tasks that are not live.
            free: Share of the budget that keeping up does not need. All minimum shares are multiplied by it.
            on_demand: Tasks that clients request.
        """
        if not due:
            return None
        self._turn += 1
        self._due_since = {name: self._due_since.get(name, self._turn) for name in due}
        if self._on_demand < 1:
            due = sorted(due, key=lambda name: name in on_demand)
        chosen = self._choose(due, share, free)
        if chosen in on_demand:
            self._on_demand = max(0.0, self._on_demand - 1)
        else:
            more = ON_DEMAND_SHARE_OF_LIVE if chosen in LIVE else ON_DEMAND_SHARE
            self._on_demand = min(ON_DEMAND_BURST, self._on_demand + more)
        self._due_since[chosen] = self._turn
        return chosen

    def _choose(self, due: Sequence[str], share: float, free: float) -> str:
        rest = next((name for name in due if name not in LIVE), None)
        later = [name for name in due[1:] if name in LIVE or name == rest]
        sure = {name: max(free, MIN_SPARE) * MIN_TURN_SHARE.get(name, share) for name in later}
        self._owed = {name: self._owed.get(name, 0.0) + part for name, part in sure.items()}
        chosen = next((name for name in reversed(later) if self._owed[name] >= 1), due[0])
        if chosen in self._owed:
            self._owed[chosen] -= 1
        return self._choose_rest(due) if chosen == rest else chosen

    def _choose_rest(self, due: Iterable[str]) -> str:
        """Choose among tasks that are not live: the first, or one that has waited for too long."""
        rest = [name for name in due if name not in LIVE]
        longest = min(rest, key=lambda name: self._due_since[name])
        return longest if self._turn - self._due_since[longest] > MAX_WAIT_TURNS else rest[0]
