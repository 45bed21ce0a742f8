"""What to ask next, and how often what can be asked: decisions as functions of costs, targets and budget.

Live data comes first. What is left of the budget goes to the rest, in the order of `DATASETS`; where it
does not suffice, intervals stretch, and say so (`aircall_poll_interval_seconds`).
"""

from collections.abc import Iterable, Mapping

LIVE = ("calls", "availabilities")
DIRECTORY = ("users", "teams", "numbers")

DATASETS = (*LIVE, *DIRECTORY, "assignments")
"""In the order in which they are served where several are due."""

SHARE_AT_START = 0.5
"""Share of the budget for the rest once live data are there and names are not: a board needs both."""

SHARE_WITH_BACKLOG = 0.2
"""Share of the budget that the rest is sure of while it has work to do."""


def intervals(
    costs: Mapping[str, float],
    targets: Mapping[str, float],
    budget: float,
    background_share: float = 0.0,
) -> dict[str, float]:
    """How often (every so many seconds) each dataset is read, given what it costs.

    `costs` are requests for one reading, `targets` seconds, `budget` requests a minute that can go on
    for ever, `background_share` the least part of it that what is not live gets. No interval is shorter
    than its target. Live datasets that ask for more than there is share it evenly: what one does not
    need, the other has.
    """
    wanted = {dataset: 60 * costs[dataset] / targets[dataset] for dataset in costs}
    rest = sum(rate for dataset, rate in wanted.items() if dataset not in LIVE)
    reserved = max(background_share * budget, min(rest, SHARE_WITH_BACKLOG * budget))
    live = even_shares({d: rate for d, rate in wanted.items() if d in LIVE}, budget - reserved)
    stretch = max(1.0, rest / (budget - sum(live.values()))) if rest else 1.0
    rates = {dataset: live.get(dataset, rate / stretch) for dataset, rate in wanted.items()}
    return {
        dataset: max(targets[dataset], 60 * costs[dataset] / rate) if rate > 0 else targets[dataset]
        for dataset, rate in rates.items()
    }


def even_shares(wanted: Mapping[str, float], available: float) -> dict[str, float]:
    """Share `available` evenly among what is `wanted`, giving nobody more than he wants."""
    shares: dict[str, float] = {}
    for served, dataset in enumerate(sorted(wanted, key=lambda dataset: wanted[dataset])):
        left = available - sum(shares.values())
        shares[dataset] = min(wanted[dataset], left / (len(wanted) - served))
    return shares


def background_share(known: Iterable[str], backlog: bool) -> float:
    """The share of the budget kept for what is not live, `backlog` saying whether it has work to do."""
    if set(LIVE) <= set(known) and not set(DIRECTORY) <= set(known):
        return SHARE_AT_START
    return SHARE_WITH_BACKLOG if backlog else 0.0


class Turns:
    """Whose turn it is to make the next request, among those that are due.

    Live datasets come first and take turns, so that a long reading of one never holds up the other. The
    rest fills the gaps between them; where there are none, it still gets its share of the requests.
    """

    def __init__(self) -> None:
        self._owed = 0.0

    def next(self, due: Mapping[str, float], share: float) -> str | None:
        """The name whose turn it is, of those `due` with the time (UNIX seconds) of their last request.

        `share` is the part of all requests, from 0 to below 1, that what is not live gets at least.
        """
        live = [name for name in due if name in LIVE]
        rest = next((name for name in due if name not in LIVE), None)
        if not live:
            return rest
        if rest is None:
            self._owed = 0.0
        elif self._owed >= 1:
            self._owed -= 1
            return rest
        else:
            self._owed += share / (1 - share)
        return min(live, key=lambda name: due[name])
