"""The roster: the users and numbers on a board, and their teams and assignments."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from exporter.account.directory import Directory
from exporter.account.exclusion import Exclusion
from exporter.account.kpi_rules import RuleBook
from exporter.account.period import Period
from exporter.account.reference_data import ReferenceData
from exporter.account.teams import Team, numbers_of, teams_of
from exporter.account.unlisted import unnamed
from exporter.aircall.models import Call
from exporter.config.settings import Settings


@dataclass(frozen=True, eq=False)
class Roster:
    """Users and numbers on the board, and their relations according to the directory.

    `listed` are the users in Aircall's lists. `known` and `numbers` also include those that appeared before
    any list named them. A new roster is built if the directory, the users, the numbers or the settings
    change. So two boards with the same roster show the same users under the same names.
    """

    directory: Directory
    version: int
    settings: Settings
    listed: frozenset[int]
    known: frozenset[int]
    numbers: frozenset[int]

    def is_equivalent(self, other: "Roster") -> bool:
        """Return whether both rosters have the same content."""
        return (
            self.version == other.version
            and self.settings is other.settings
            and self.listed == other.listed
            and self.known == other.known
            and self.numbers == other.numbers
        )

    @cached_property
    def exclusion(self) -> Exclusion:
        """The rule by which `exclude_users` leaves users out."""
        return Exclusion(self.directory, self.settings)

    @cached_property
    def excluded(self) -> frozenset[int]:
        """The known users that `exclude_users` leaves out."""
        return frozenset(filter(self.exclusion.excludes, self.known))

    @cached_property
    def undecided(self) -> frozenset[str]:
        """The other users, by id as text, of whom it is not known yet whether they are excluded."""
        return frozenset(str(user_id) for user_id in self.users if self.exclusion.may_exclude(user_id))

    @cached_property
    def users(self) -> frozenset[int]:
        """The known users, without the excluded ones."""
        return self.known - self.excluded

    @cached_property
    def rules(self) -> RuleBook:
        """The rules of each number and team."""
        return RuleBook(self.directory, self.settings)

    @cached_property
    def teams(self) -> tuple[Team, ...]:
        """The teams on the board."""
        return teams_of(self.directory, self.users, self.settings)

    @cached_property
    def users_by_number(self) -> Mapping[int, frozenset[int]] | None:
        """Number → its listed users; None if assignments are unknown or switched off."""
        if self.directory.assigned is None or not self.settings.map_users_to_numbers:
            return None
        shown = self.listed - self.excluded
        return {number: users & shown for number, users in self.directory.assigned.items()}

    @cached_property
    def numbers_by_user(self) -> Mapping[int, set[int]] | None:
        """User → the numbers that they answer; None if assignments are unknown or switched off."""
        return None if self.users_by_number is None else numbers_of(self.users_by_number)

    @cached_property
    def teams_of_user(self) -> Mapping[int, list[Team]]:
        """User → their teams, for every user with a row."""
        teams: dict[int, list[Team]] = {}
        for team in self.teams:
            for user_id in team.members:
                teams.setdefault(user_id, []).append(team)
        return teams

    @cached_property
    def shared_names(self) -> frozenset[str]:
        """The names that several users with a row have."""
        names = Counter(self.directory.user(user_id).name for user_id in self.teams_of_user)
        return frozenset(name for name, users in names.items() if users > 1)

    @cached_property
    def teams_on_number(self) -> Mapping[int, list[Team]]:
        """Number → the teams with a member who answers it."""
        teams: dict[int, list[Team]] = {}
        for team in self.teams:
            for number_id in team.numbers or ():
                teams.setdefault(number_id, []).append(team)
        return teams


def roster_now(lists: ReferenceData, live: list[Call], period: Period, settings: Settings) -> Roster:
    """Build the roster from the present data. `live` are the active calls."""
    directory = lists.directory
    unnamed_users, unnamed_numbers = unnamed(lists, live, period)
    waited_on = {call.number.id for call in live if call.waiting and call.number}
    listed = frozenset(directory.users.keys() | lists.presence.users.keys())
    return Roster(
        directory,
        directory.version,
        settings,
        listed,
        known=listed | unnamed_users,
        numbers=frozenset(directory.numbers.keys() | waited_on | unnamed_numbers),
    )
