"""Making boards, one after another: what nothing has happened to is taken over from the last one."""

from dataclasses import dataclass, field

from exporter.account.board import Counters
from exporter.account.board_rows import BoardRows, RowInputs
from exporter.account.counter_totals import Subject, Totals
from exporter.account.counters import CounterRows
from exporter.account.roster import Roster
from exporter.aircall.models import Call


@dataclass
class Changes:
    """To whom something has happened since the last board: by what users do, by calls, and in the totals."""

    users: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    totals: set[Subject] = field(default_factory=set)

    def mark_call(self, call: Call | None) -> None:
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


class BoardBuilder:
    """The rows and counters as of the last board."""

    def __init__(self) -> None:
        self._roster: Roster | None = None
        self._rows: BoardRows | None = None
        self._counters: CounterRows | None = None

    def roster(self, now: Roster) -> Roster:
        """The roster as it was, where that is the same as it is now."""
        if self._roster is None or not now.is_equivalent(self._roster):
            self._roster = now
        return self._roster

    def rows(self, facts: RowInputs, touched: Changes) -> BoardRows:
        """The rows of users, teams and numbers."""
        if self._rows is None or self._rows.roster is not facts.roster:
            self._rows = BoardRows(facts)
        else:
            self._rows.update(facts, touched.users, touched.numbers)
        return self._rows

    def counters(
        self, facts: RowInputs, touched: Changes, totals: Totals, bounds: tuple[float, ...]
    ) -> Counters:
        """The counters; `bounds` are the buckets of the time to answer."""
        made = self._counters
        if made is None or made.roster is not facts.roster or made.totals is not totals:
            made = self._counters = CounterRows(facts.roster, totals, bounds, facts.live)
        else:
            made.update(facts.live, touched.users, touched.numbers, touched.totals)
        return made.counters
