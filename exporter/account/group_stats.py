"""Sums over the users of teams and numbers: users by state, and their calls."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from exporter.account.period import Tally
from exporter.account.presence import STATES, State
from exporter.account.roster import Roster


@dataclass(slots=True)
class GroupTotals:
    """The sums over the members of a team, or over the users of a number."""

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    tally: Tally = field(default_factory=Tally)

    def count(self, state: State, tally: Tally, sign: int) -> None:
        """Add a member (`sign` 1) or remove one (`sign` -1)."""
        self.states[state] += sign
        self.tally.add(tally, sign)


class GroupStats:
    """The sums for all teams and numbers of a roster. Updating a user touches only that user's groups."""

    def __init__(self, roster: Roster) -> None:
        self.teams: Mapping[str, GroupTotals] = {team.label.id: GroupTotals() for team in roster.teams}
        self.numbers: Mapping[int, GroupTotals] = {
            number_id: GroupTotals() for number_id in roster.users_by_number or ()
        }
        self._groups: dict[int, list[GroupTotals]] = {
            user_id: [self.teams[team.label.id] for team in teams]
            for user_id, teams in roster.teams_of_user.items()
        }
        for user_id, numbers in (roster.numbers_by_user or {}).items():
            self._groups.setdefault(user_id, []).extend(self.numbers[number_id] for number_id in numbers)
        self._counted: dict[int, tuple[State, Tally]] = {}

    def update(self, user_id: int, state: State, tally: Tally) -> bool:
        """Update a user's state and sums of calls, and return whether they changed."""
        before = self._counted.get(user_id)
        if before == (state, tally):
            return False
        now = self._counted[user_id] = state, copy(tally)
        for group in self._groups.get(user_id, ()):
            if before is not None:
                group.count(*before, -1)
            group.count(*now, 1)
        return True

    def states_on(self, number_id: int) -> dict[State, int]:
        """Return how many of the number's users are in each state."""
        group = self.numbers.get(number_id)
        return dict(group.states) if group else dict.fromkeys(STATES, 0)
