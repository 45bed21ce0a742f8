"""Making boards, one after another: what nothing has happened to is taken over from the last one."""

from dataclasses import dataclass, field

from exporter.account.board import Counters
from exporter.account.counters import CounterRows
from exporter.account.roster import Roster
from exporter.account.rows import Facts, Rows
from exporter.account.totals import Owner, Totals
from exporter.aircall.objects import Call


@dataclass
class Touched:
    """To whom something has happened since the last board: by what users do, by calls, and in the totals."""

    users: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    totals: set[Owner] = field(default_factory=set)

    def by_call(self, call: Call | None) -> None:
        """Something has happened to the user and the number of a call, if there is one."""
        if call and call.user:
            self.users.add(call.user.id)
        if call and call.number:
            self.numbers.add(call.number.id)

    def clear(self) -> None:
        """Begin anew: a board shows all of it."""
        self.users.clear()
        self.numbers.clear()
        self.totals.clear()


class Making:
    """The rows and counters as of the last board."""

    def __init__(self) -> None:
        self._roster: Roster | None = None
        self._rows: Rows | None = None
        self._counters: CounterRows | None = None

    def roster(self, now: Roster) -> Roster:
        """The roster as it was, where that is the same as it is now."""
        if self._roster is None or not now.same_as(self._roster):
            self._roster = now
        return self._roster

    def rows(self, facts: Facts, touched: Touched) -> Rows:
        """The rows of users, teams and numbers."""
        if self._rows is None or self._rows.roster is not facts.roster:
            self._rows = Rows(facts)
        else:
            self._rows.renew(facts, touched.users, touched.numbers)
        return self._rows

    def counters(self, facts: Facts, touched: Touched, totals: Totals, bounds: tuple[float, ...]) -> Counters:
        """The counters; `bounds` are the buckets of the time to answer."""
        made = self._counters
        if made is None or made.roster is not facts.roster or made.totals is not totals:
            made = self._counters = CounterRows(facts.roster, totals, bounds, facts.live)
        else:
            made.renew(facts.live, touched.users, touched.numbers, touched.totals)
        return made.counters
