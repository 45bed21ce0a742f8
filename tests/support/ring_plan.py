"""What rang on users of a simulated account, counted from its own events."""

from collections import Counter
from dataclasses import dataclass, field

from exporter.simulator.account_events import AccountEvent
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape

Attempts = dict[tuple[int, str], int]
"""The number of ring attempts by user and result."""


@dataclass
class _Call:
    rang: list[int] = field(default_factory=list)
    results: list[tuple[int, str]] = field(default_factory=list)


class RingPlan:
    """Watches an account from now on, call by call, without a network between."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._calls: dict[int, _Call] = {}
        account.listeners.append(self._notice)

    def _notice(self, occurred: AccountEvent) -> None:
        if occurred.call is None or occurred.call.direction == "outbound":
            return
        call = self._calls.setdefault(occurred.call.id, _Call())
        user = occurred.user or occurred.call.user
        if user is None:
            return
        if occurred.event == "call.ringing_on_agent":
            call.rang.append(user.id)
        elif occurred.event == "call.agent_declined":
            call.results.append((user.id, "declined"))
        elif occurred.event == "call.answered" and user.id in call.rang:
            call.results.append((user.id, "answered"))

    def attempts(self, without: frozenset[int] = frozenset()) -> Attempts:
        """Return the attempts of the ended calls, except those `without`."""
        counted: Counter[tuple[int, str]] = Counter()
        for call_id, seen in self._calls.items():
            if self._account.calls[call_id].ended_at is None or call_id in without:
                continue
            counted.update(seen.results)
            rang, decided = Counter(seen.rang), Counter(user for user, _ in seen.results)
            for user, times in rang.items():
                counted[user, "missed"] += times - decided[user]
        return +counted


def shown_attempts(scrape: Scrape) -> Attempts:
    """Return the ring attempts of a scrape, without those that did not occur."""
    found = {}
    for labels, count in scrape.all("aircall_user_ring_attempts_total").items():
        named = dict(labels)
        if count:
            found[int(named["user_id"]), named["result"]] = int(count)
    return found
