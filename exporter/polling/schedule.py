"""What to ask next, and how often what can be asked: decisions as functions of costs, targets and budget.

Live data comes first. What is left of the budget goes to the rest, in the order of `DATASETS`; where it
does not suffice, intervals stretch, and say so (`aircall_poll_interval_seconds`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence, Set

from exporter.config import Settings
from exporter.polling.costs import Cost

ENDED_CALLS = "endings"
"""The lane of calls in progress that may be over; what it brings belongs to the dataset of calls."""

WEIGHTS = {"calls": 3, "availabilities": 3, ENDED_CALLS: 1}
"""How live data share what is left of the budget once new calls are read, where it does not suffice."""

LIVE = tuple(WEIGHTS)
CORE = ("calls", "availabilities")
DIRECTORY = ("users", "teams", "numbers")

SUBSTATUSES = "substatuses"
"""Why users are away: the list of users once more, as often as that holds up nothing else."""

AVAILABILITY_CHANGES, ON_DEMAND_REQUESTS = ON_DEMAND = ("switches", "errands")
"""The lanes of requests that a client waits for: to switch a user, and to read one call."""

DATASETS = (*CORE, *DIRECTORY, SUBSTATUSES, "assignments")
"""In the order in which they are served where several are due."""

SHARE_AT_START = 0.5
"""The same share once live data are there and names are not: a board needs both."""

SHARE_FOR_REST = 0.2
"""Share of what new calls leave of the budget that the rest is sure of while it has work to do."""

SHARE_FOR_SUBSTATUSES = 0.05
"""The part of it that substatuses are sure of."""

SHARE_FOR_ENDED_CALLS = 1 / 3
"""The most that keeping up with ends of calls takes of what keeping up with the board leaves."""

EVENT_TIMEOUT_S = 300.0
"""Seconds after the last event for which events are taken to come."""

SYNC_TOLERANCE = 1.05
"""How many times one interval may be another that counts as the same."""

LONGEST_INTERVAL = 86_400.0
LONGEST_LIVE_INTERVAL = 3600.0
"""Seconds beyond which nothing is stretched, and nothing live, however little there is for it."""


def intervals(
    costs: Mapping[str, Cost],
    targets: Mapping[str, float],
    budget: float,
    archive: float = 0.0,
    share_for_rest: float = SHARE_FOR_REST,
) -> dict[str, float]:
    """How often (every so many seconds) each dataset is read, given what it costs.

    `targets` are seconds, `budget` requests a minute that can go on for ever, `archive` requests a
    minute for reading past calls and late edits, `share_for_rest` the part of what new calls leave that
    what is not live is sure of, if it needs so much. No interval is shorter than its target.

    Live data that ask for more than there is share it by their `WEIGHTS`: what one does not need, the
    others have. What it takes to keep up, however seldom one asks, comes first: who falls ever further
    behind has no board at all. Substatuses have what nobody else needs, and a little in any case.
    """
    wanted = {dataset: rate(cost, targets[dataset]) for dataset, cost in costs.items()}
    not_live = spare_share(costs, budget) * budget
    substatuses = min(wanted.pop(SUBSTATUSES, 0.0), SHARE_FOR_SUBSTATUSES * not_live)
    rest = sum(rate for dataset, rate in wanted.items() if dataset not in LIVE)
    live = {dataset: rate for dataset, rate in wanted.items() if dataset in LIVE}
    reserved = min(rest + substatuses + archive, share_for_rest * not_live)
    shares = live_shares(live, _least(costs, live, budget - reserved), budget - reserved)
    found = _synchronise(
        {dataset: _interval(costs[dataset], targets[dataset], shares[dataset]) for dataset in live}
    )
    left = budget - sum(rate(costs[dataset], found[dataset]) for dataset in live)
    stretch = max(1.0, rest / (left - substatuses)) if left > substatuses else math.inf
    found |= {
        dataset: min(LONGEST_INTERVAL, targets[dataset] * stretch) for dataset in wanted.keys() - found.keys()
    }
    if SUBSTATUSES in costs:
        left = budget - sum(rate(costs[dataset], found[dataset]) for dataset in wanted)
        share = min(left, max(substatuses, left - archive))
        needed = rate(costs[SUBSTATUSES], targets[SUBSTATUSES])
        stretch = max(1.0, needed / share) if share > 0 else math.inf
        found[SUBSTATUSES] = min(LONGEST_INTERVAL, targets[SUBSTATUSES] * stretch)
    return {dataset: found[dataset] for dataset in costs}


def targets(settings: Settings, told: Set[str] = frozenset()) -> dict[str, float]:
    """Every how many seconds each is to be read: the datasets, and the calls that may be over.

    What is `told` by events is read to be sure, which takes no hurry.
    """
    read = [name for name in DATASETS if name != "assignments" or settings.map_users_to_numbers]
    asked = {name: float(getattr(settings.refresh, name)) for name in read}
    asked[ENDED_CALLS] = asked["calls"]
    return asked | {name: max(asked[name], float(settings.webhook.refresh)) for name in told}


def event_covered(now: float, calls_told_at: float, users_told_at: float, in_doubt: bool) -> frozenset[str]:
    """What events tell of `now`, given when there was one about a call, and one about a user.

    Times are seconds on one clock. While it is `in_doubt` what some user does, that has to be looked at.
    """
    calls = {"calls", ENDED_CALLS} if now - calls_told_at <= EVENT_TIMEOUT_S else set()
    users = {"availabilities"} if now - users_told_at <= EVENT_TIMEOUT_S and not in_doubt else set()
    return frozenset(calls | users)


def rate(cost: Cost, interval: float) -> float:
    """Requests a minute for readings every `interval` seconds."""
    return 60 * cost(interval) / interval


def min_rate(cost: Cost) -> float:
    """Requests a minute with less of which more and more is left over."""
    return 60 * cost.uncapped(LONGEST_LIVE_INTERVAL) / LONGEST_LIVE_INTERVAL


def _least(costs: Mapping[str, Cost], live: Iterable[str], available: float) -> dict[str, float]:
    """What the live data need to keep up, of the calls' ends no more than a part of what the board leaves."""
    least = {dataset: min_rate(costs[dataset]) for dataset in live}
    left = available - sum(least[dataset] for dataset in least if dataset != ENDED_CALLS)
    if ENDED_CALLS in least:
        least[ENDED_CALLS] = max(0.0, min(least[ENDED_CALLS], SHARE_FOR_ENDED_CALLS * left))
    return least


def spare_share(costs: Mapping[str, Cost], budget: float) -> float:
    """The part of the budget that is not needed to keep up with live data, however seldom they are read."""
    needed = sum(min_rate(cost) for name, cost in costs.items() if name in LIVE)
    return max(0.0, 1 - needed / budget)


def live_shares(
    wanted: Mapping[str, float], least: Mapping[str, float], available: float
) -> dict[str, float]:
    """Requests a minute for each live dataset: the `least` that it needs to keep up, and more."""
    needed = sum(least.values())
    if needed >= available:
        return {dataset: available * part / needed for dataset, part in least.items()}
    more = weighted_shares({d: wanted[d] - least[d] for d in wanted}, available - needed)
    return {dataset: least[dataset] + more[dataset] for dataset in wanted}


def weighted_shares(wanted: Mapping[str, float], available: float) -> dict[str, float]:
    """Share `available` by the `WEIGHTS` among what is `wanted`, giving nobody more than he wants."""
    shares: dict[str, float] = {}
    waiting = sorted(wanted, key=lambda dataset: wanted[dataset] / WEIGHTS[dataset])
    for position, dataset in enumerate(waiting):
        left = available - sum(shares.values())
        weight = sum(WEIGHTS[other] for other in waiting[position:])
        shares[dataset] = min(wanted[dataset], left * WEIGHTS[dataset] / weight)
    return shares


def _interval(cost: Cost, target: float, share: float) -> float:
    """The shortest interval, from the target on, that costs no more than a share (requests a minute)."""
    if rate(cost, target) <= share * (1 + 1e-9):  # a share that was taken apart and added up again
        return target
    short, long = target, max(target, LONGEST_LIVE_INTERVAL)
    while long - short > 0.001 * short:
        middle = math.sqrt(short * long)
        if rate(cost, middle) > share:
            short = middle
        else:
            long = middle
    return long


def _synchronise(intervals: Mapping[str, float]) -> dict[str, float]:
    """The intervals of live data, those of availabilities and of what they tell to look at made equal if they
    hardly differ: a look right after them sees most."""
    both = {name: intervals[name] for name in ("availabilities", ENDED_CALLS) if name in intervals}
    if both and max(both.values()) <= SYNC_TOLERANCE * min(both.values()):
        both = dict.fromkeys(both, max(both.values()))
    return {**intervals, **both}


def share_for_rest(known: Iterable[str]) -> float:
    """The share of the budget that is kept for what is not live."""
    waits_for_names = set(CORE) <= set(known) and not set(DIRECTORY) <= set(known)
    return SHARE_AT_START if waits_for_names else SHARE_FOR_REST


MIN_TURN_SHARE = {"availabilities": 0.15, ENDED_CALLS: 0.05}
"""Share of the turns that live data have while those before them are due all the time."""

ON_DEMAND_SHARE, ON_DEMAND_SHARE_OF_LIVE, ON_DEMAND_BURST = 0.15, 0.05, 6.0
"""Turns of requests on demand for each turn of other lanes, those that are not live and those that are, and
how many are saved up."""

LONGEST_WAIT = 300
"""Turns for which a lane that is not live may be due without a turn before it goes first among these."""

MIN_SPARE = 0.25
"""What counts as free in any case, so that nobody waits for ever."""


class Turns:
    """Whose turn it is to make the next request, among those that are due.

    They are served in their order, live data first: none of these is due more often than its share
    allows. But a reading of many pages holds up nobody: whoever comes later has some turns meanwhile.

    Whatever is due, each lane has a turn within a bounded number of turns, also while requests on demand
    come without end: those beyond their share are served last.
    """

    def __init__(self) -> None:
        self._owed: dict[str, float] = {}
        self._on_demand = ON_DEMAND_BURST
        """How many turns requests on demand may have before all others."""
        self._turn = 0
        self._due_since: dict[str, int] = {}
        """At which turn each lane became due, or had its last turn since."""

    def next(
        self, due: Sequence[str], share: float, free: float = 1.0, on_demand: Set[str] = frozenset(ON_DEMAND)
    ) -> str | None:
        """The name whose turn it is, of those `due`, which are in the order in which they are served.

        `share` is the part of the turns, from 0 to below 1, that what is not live gets at least; this and
        the others' part are less where only a `free` part of the budget is not needed to keep up.
        `on_demand` are the names that clients request.
        """
        if not due:
            return None
        self._turn += 1
        self._due_since = {name: self._due_since.get(name, self._turn) for name in due}
        if self._on_demand < 1:
            due = sorted(due, key=lambda name: name in on_demand)
        chosen = self._chosen(due, share, free)
        if chosen in on_demand:
            self._on_demand = max(0.0, self._on_demand - 1)
        else:
            more = ON_DEMAND_SHARE_OF_LIVE if chosen in LIVE else ON_DEMAND_SHARE
            self._on_demand = min(ON_DEMAND_BURST, self._on_demand + more)
        self._due_since[chosen] = self._turn
        return chosen

    def _chosen(self, due: Sequence[str], share: float, free: float) -> str:
        rest = next((name for name in due if name not in LIVE), None)
        later = [name for name in due[1:] if name in LIVE or name == rest]
        sure = {name: max(free, MIN_SPARE) * MIN_TURN_SHARE.get(name, share) for name in later}
        self._owed = {name: self._owed.get(name, 0.0) + part for name, part in sure.items()}
        chosen = next((name for name in reversed(later) if self._owed[name] >= 1), due[0])
        if chosen in self._owed:
            self._owed[chosen] -= 1
        return self._of_rest(due) if chosen == rest else chosen

    def _of_rest(self, due: Iterable[str]) -> str:
        """Choose among what is not live: the first, or the one that has waited for longest, if it is long."""
        rest = [name for name in due if name not in LIVE]
        longest = min(rest, key=lambda name: self._due_since[name])
        return longest if self._turn - self._due_since[longest] > LONGEST_WAIT else rest[0]
