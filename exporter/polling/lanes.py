"""Which readings there are, and which of them have something to ask now."""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Set
from typing import Any

from exporter.account.account import Account
from exporter.account.calls import Neighbours
from exporter.aircall.clock import ServerClock
from exporter.aircall.endpoints import Asking
from exporter.polling import mapping, reads
from exporter.polling.errand import Errand
from exporter.polling.lane import Lane
from exporter.polling.pace import Pace
from exporter.polling.schedule import (
    BOARD,
    DATASETS,
    DIRECTORY,
    ENDINGS,
    ERRANDS,
    ON_DEMAND,
    SUBSTATUSES,
    SWITCHES,
)

ASIDE = "assignments set aside"
"""The lane of those numbers and users whose assignments could not be read."""

EDITS, PAST, WISHED = ARCHIVE = ("late edits", "past calls", "calls asked for")
"""The lanes beside the datasets, for the archive: calls read again, those before the activity period, and
those that somebody asked for by hand. They are read when there is time, in this order."""


class Lanes:
    """A lane for each dataset, for the archive, and for what somebody waits for."""

    def __init__(self, account: Account, server_clock: ServerClock) -> None:
        """Read `account`, whose calls are asked for by the time of `server_clock`."""
        self.pace: Pace
        """How often each is read; follows from what is read, so it comes afterwards."""
        self.served: Collection[str] = (*DATASETS, ASIDE, ENDINGS, SWITCHES, ERRANDS, *ARCHIVE)
        """What is read at all."""
        self.user_api = users = reads.UserApi()
        """Which version of the users' endpoints this account answers."""
        self.errands: dict[str, deque[Errand[Any]]] = {SWITCHES: deque(), ERRANDS: deque()}

        def version() -> str:
            return users.version

        self._account, self._server_clock, lists = account, server_clock, account.lists
        begin: dict[str, Callable[[float], Asking[None]]] = {
            "calls": self._calls,
            "availabilities": lambda _: reads.availabilities(lists),
            "users": lambda _: reads.users(lists, users),
            "teams": lambda _: reads.teams(lists),
            "numbers": lambda _: reads.numbers(lists),
            SUBSTATUSES: lambda _: reads.substatuses(lists, users),
            "assignments": lambda now: mapping.assignments(lists, version, account.aside, now),
            ASIDE: lambda now: mapping.assignments_set_aside(lists, version, account.aside, now),
            ENDINGS: lambda now: reads.endings(account, self._endings(now), now),
            SWITCHES: lambda _: reads.errands(self.errands[SWITCHES]),
            ERRANDS: lambda _: reads.errands(self.errands[ERRANDS]),
            EDITS: lambda now: reads.late_edits(account, now + server_clock.ahead, now),
            PAST: lambda now: reads.past(account, now),
            WISHED: self._wished,
        }
        self.by_name = {name: Lane(beginning) for name, beginning in begin.items()}

    def __getitem__(self, name: str) -> Lane:
        return self.by_name[name]

    def readable(self, now: float) -> dict[str, Lane]:
        """The lanes with something to ask, in the order in which they are served."""
        self._let_errands_go()
        return {name: self[name] for name in self._with_something_to_ask(now) if name in self.served}

    @property
    def on_demand(self) -> Set[str]:
        """The lanes that clients request."""
        return {name for name, lane in self.by_name.items() if name in ON_DEMAND or lane.is_on_demand}

    def ask(self, *names: str) -> None:
        """Read these at once."""
        for name in names:
            self[name].asked = True

    def ask_early(self, *names: str) -> None:
        """Read these before they are due: two readings at once, then one a minute at most."""
        for name in names:
            self[name].early = True

    def _with_something_to_ask(self, now: float) -> Iterator[str]:
        if self.errands[SWITCHES]:
            yield SWITCHES
        yield from BOARD if self._server_clock.known else BOARD[::-1]  # calls are asked for by Aircall's time
        if self[ENDINGS].read is not None or (self._looks_due(now) and self._may_end(now)):
            yield ENDINGS
        if self.errands[ERRANDS] and self._calls_count:
            yield ERRANDS
        yield from DIRECTORY
        yield SUBSTATUSES
        if self._account.settings.map_users_to_numbers and {"users", "numbers"} <= self._account.known:
            yield "assignments"
            if (
                self[ASIDE].read
                or mapping.due(self._account.lists, self._account.aside, "number", now)
                or mapping.due(self._account.lists, self._account.aside, "user", now)
            ):
                yield ASIDE
        yield from self._for_the_archive(now)

    def _for_the_archive(self, now: float) -> Iterator[str]:
        account = self._account
        if account.ledger.totals is None or account.ledger.full or not self._calls_count:
            return
        if self._server_clock.known and account.edits(now + self._server_clock.ahead):
            yield EDITS
        if self[PAST].read or account.past_to_read(now) or account.left_open_to_read(now):
            yield PAST
        if self[WISHED].read or account.wished_to_read(now):
            yield WISHED

    @property
    def _calls_count(self) -> bool:
        """Whether calls may be read beside the polls: not before the first poll decides which calls count."""
        return "calls" not in self.served or not math.isinf(self._account.ledger.counted_from)

    def _let_errands_go(self) -> None:
        """Ask nothing for who has stopped waiting."""
        for name, waiting in self.errands.items():
            while waiting and not waiting[0].still_wanted:
                waiting.popleft()
                self[name].drop()

    def _calls(self, now: float) -> Asking[None]:
        now = yield from reads.time_to_start(self._account, self._server_clock, now)
        server_now = now + self._server_clock.ahead
        todo = self._account.calls_to_read(now, server_now)
        in_pieces = self["calls"].restarts > 0
        yield from reads.calls(self._account, todo, now, server_now, in_pieces)

    def _wished(self, now: float) -> Asking[None]:
        span = self._account.wished_to_read(now)
        if span is not None:
            yield from reads.past_calls(self._account, span, now)

    def _looks_due(self, now: float) -> bool:
        """Whether to look at calls that may be over: where availabilities just tell which, once they have."""
        seen = self["availabilities"]
        told_soon = self.pace.in_step and seen.read is not None and seen.failing_since is None
        return self[ENDINGS].due <= now and not told_soon

    def _may_end(self, now: float) -> bool:
        return any(self._account.may_be_over(now, self.pace.intervals["calls"]))

    def _endings(self, now: float) -> list[Neighbours]:
        return self._account.endings(now, self.pace.intervals["calls"])
