"""Who is who: users, teams, numbers and how they belong together (the tutorial's "data repository")."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exporter.aircall.objects import Number, User


class Named(NamedTuple):
    """An id as text beside the display name, as labels carry them."""

    id: str
    name: str


SINGLE_USERS = Named("none", "Single Users")
"""The team of users without a team (tutorial, "Aircall Teams")."""


class Directory:
    """What Aircall said last of users, teams, numbers, and who answers which number.

    Names of those who left are kept, so that what was counted for them keeps its name.
    """

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.numbers: dict[int, Number] = {}
        self.members: dict[int, frozenset[int]] = {}
        self.assigned: Mapping[int, frozenset[int]] | None = None
        self._user_names: dict[int, str] = {}
        self._team_names: dict[int, str] = {}
        self._number_names: dict[int, str] = {}

    def add_user(self, user: User) -> None:
        self.users[user.id] = user
        self._user_names[user.id] = user.name or f"user {user.id}"

    def add_team(self, team_id: int, name: str | None, members: Iterable[int]) -> None:
        self.members[team_id] = frozenset(members)
        self._team_names[team_id] = name or f"team {team_id}"

    def add_number(self, number: Number) -> None:
        self.numbers[number.id] = number
        self._number_names[number.id] = number.name or f"number {number.id}"

    def user(self, user_id: int) -> Named:
        """The user's id and name; ``user <id>`` until the directory knows him."""
        return Named(str(user_id), self._user_names.get(user_id) or f"user {user_id}")

    def team(self, team_id: int) -> Named:
        return Named(str(team_id), self._team_names.get(team_id) or f"team {team_id}")

    def number(self, number_id: int | None) -> Named:
        """The number's id and name; both empty for a call without a number."""
        if number_id is None:
            return Named("", "")
        return Named(str(number_id), self._number_names.get(number_id) or f"number {number_id}")

    def strangers(self, user_ids: Iterable[int], number_ids: Iterable[int]) -> frozenset[tuple[str, int]]:
        """Those of the users and numbers seen elsewhere that no list of Aircall's has named yet."""
        return frozenset(("user", id_) for id_ in user_ids if id_ not in self._user_names) | frozenset(
            ("number", id_) for id_ in number_ids if id_ not in self._number_names
        )


class Team(NamedTuple):
    """A team as the board shows it. `numbers` are those that a member answers, none while that is unknown."""

    label: Named
    members: frozenset[int]
    numbers: frozenset[int] | None


def numbers_of(assigned: Mapping[int, frozenset[int]]) -> dict[int, set[int]]:
    """Turn number → users into user → numbers."""
    numbers: dict[int, set[int]] = {}
    for number_id, user_ids in assigned.items():
        for user_id in user_ids:
            numbers.setdefault(user_id, set()).add(number_id)
    return numbers


def teams_of(
    directory: Directory, user_ids: Iterable[int], only: tuple[str, ...], mapped: bool
) -> tuple[Team, ...]:
    """The teams on the board, "Single Users" last, restricted to the names in `only` where there are any.

    `user_ids` are all users on the board; those who are in no team are the single ones, whichever
    teams are shown. `mapped` says whether numbers are to be told by their assigned users.
    """
    users = frozenset(user_ids)
    numbers = numbers_of(directory.assigned) if mapped and directory.assigned is not None else None
    in_a_team = frozenset[int]().union(*directory.members.values())
    groups = [(directory.team(team_id), members & users) for team_id, members in directory.members.items()]
    groups.append((SINGLE_USERS, users - in_a_team))
    return tuple(
        Team(
            label,
            members,
            None if numbers is None else frozenset(n for user in members for n in numbers.get(user, ())),
        )
        for label, members in groups
        if not only or label.name in only
    )
