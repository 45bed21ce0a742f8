"""Sums over the users of teams and numbers: users by state, and their calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.account.period import PeriodName, Tally
from exporter.account.presence import STATES, State
from exporter.account.roster import Roster

Tallies = Mapping[PeriodName, Tally]
"""The sums over a user's calls, by period."""


@dataclass(slots=True)
class GroupTotals:
    """The sums over the members of a team, or over the users of a number."""

    tallies: Tallies
    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))

    def count(self, state: State, tallies: Tallies, sign: int) -> None:
        """Add a member (`sign` 1) or remove one (`sign` -1)."""
        self.states[state] += sign
        for period, tally in tallies.items():
            self.tallies[period].add(tally, sign)


class GroupStats:
    """The sums for all teams and numbers of a roster. Updating a user touches only that user's groups."""

    def __init__(self, roster: Roster, nothing: Tallies) -> None:
        """Begin without users. `nothing` are the sums over no calls."""

        def empty() -> GroupTotals:
            return GroupTotals({period: tally.copied() for period, tally in nothing.items()})

        self.teams: Mapping[str, GroupTotals] = {team.label.id: empty() for team in roster.teams}
        self.numbers: Mapping[int, GroupTotals] = {
            number_id: empty() for number_id in roster.users_by_number or ()
        }
        self._groups: dict[int, list[GroupTotals]] = {
            user_id: [self.teams[team.label.id] for team in teams]
            for user_id, teams in roster.teams_of_user.items()
        }
        for user_id, numbers in (roster.numbers_by_user or {}).items():
            self._groups.setdefault(user_id, []).extend(self.numbers[number_id] for number_id in numbers)
        self._counted: dict[int, tuple[State, Tallies]] = {}

    def update(self, user_id: int, state: State, tallies: Tallies) -> bool:
        """Update a user's state and sums of calls, and return whether they changed."""
        before = self._counted.get(user_id)
        if before == (state, tallies):
            return False
        now = self._counted[user_id] = state, {period: tally.copied() for period, tally in tallies.items()}
        for group in self._groups.get(user_id, ()):
            if before is not None:
                group.count(*before, -1)
            group.count(*now, 1)
        return True

    def states_on(self, number_id: int) -> dict[State, int]:
        """Return how many of the number's users are in each state."""
        group = self.numbers.get(number_id)
        return dict(group.states) if group else dict.fromkeys(STATES, 0)
