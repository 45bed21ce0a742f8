"""Build the rows and counters of boards, and reuse those that have not changed since the last board."""

from dataclasses import dataclass, field

from exporter.account.board import Counters
from exporter.account.board_rows import BoardRows, RowInputs
from exporter.account.counter_totals import Subject, Totals
from exporter.account.counters import CounterRows
from exporter.account.roster import Roster
from exporter.aircall.models import Call


@dataclass
class Changes:
    """The users, numbers and subjects of totals whose data changed since the last board."""

    users: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    totals: set[Subject] = field(default_factory=set)

    def mark_call(self, call: Call | None) -> None:
        """Mark the user and the number of a call as changed, if there are any."""
        if call and call.user:
            self.users.add(call.user.id)
        if call and call.number:
            self.numbers.add(call.number.id)

    def clear(self) -> None:
        """Remove all marks, after a board was built."""
        self.users.clear()
        self.numbers.clear()
        self.totals.clear()


class BoardBuilder:
    """Builds the parts of boards from those of the last board."""

    def __init__(self) -> None:
        self._roster: Roster | None = None
        self._rows: BoardRows | None = None
        self._counters: CounterRows | None = None

    def roster(self, now: Roster) -> Roster:
        """Return the last roster if it is equivalent to `now`, else `now`."""
        if self._roster is None or not now.is_equivalent(self._roster):
            self._roster = now
        return self._roster

    def rows(self, facts: RowInputs, changes: Changes) -> BoardRows:
        """Return the rows of users, teams and numbers."""
        rows = self._rows
        if rows is None or rows.roster is not facts.roster or rows.periods != facts.periods.keys():
            rows = self._rows = BoardRows(facts, rows)
        else:
            rows.update(facts, changes.users, changes.numbers)
        return rows

    def counters(
        self, facts: RowInputs, changes: Changes, totals: Totals, bounds: tuple[float, ...]
    ) -> Counters:
        """Return the counters. `bounds` are the buckets of the time to answer."""
        rows = self._counters
        if rows is None or rows.roster is not facts.roster or rows.totals is not totals:
            rows = self._counters = CounterRows(facts.roster, totals, bounds, facts.live, rows)
        else:
            rows.update(facts.live, changes.users, changes.numbers, changes.totals)
        return rows.counters
