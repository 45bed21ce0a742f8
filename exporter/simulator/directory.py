"""Add, remove and list the users, teams and numbers of the simulated account."""

from collections.abc import Iterable
from itertools import count

from exporter.simulator.models import SimulatedNumber, SimulatedTeam, SimulatedUser


class Directory:
    """All users, teams and numbers by id, and the settings of the company.

    The settings may be changed at any time.
    """

    def __init__(self) -> None:
        self.smartflows = True
        """Whether the company is on Smartflows, so that Aircall knows what callers choose in menus."""
        self.ai_answers = False
        """Whether calls are shown as answered when an AI agent starts to talk, or when a person answers."""
        self.users: dict[int, SimulatedUser] = {}
        self.teams: dict[int, SimulatedTeam] = {}
        self.numbers: dict[int, SimulatedNumber] = {}
        self.user_ids = count(456_001)
        """The ids of future users."""
        self._team_ids = count(6_781)
        self._number_ids = count(81_234)

    def add_user(
        self, name: str, *, team_ids: Iterable[int] = (), number_ids: Iterable[int] = ()
    ) -> SimulatedUser:
        """Add a user to teams and numbers. Raises KeyError for an unknown id."""
        id_ = next(self.user_ids)
        user = SimulatedUser(id_, name, f"user.{id_}@example.com")
        for team_id in team_ids:
            self.teams[team_id].user_ids.add(id_)
        for number_id in number_ids:
            self.numbers[number_id].user_ids.add(id_)
        self.users[id_] = user
        return user

    def remove_user(self, user_id: int) -> None:
        """Delete a user, also from teams and numbers. Their calls stay. Raises KeyError for an unknown id."""
        del self.users[user_id]
        for team in self.teams.values():
            team.user_ids.discard(user_id)
        for number in self.numbers.values():
            number.user_ids.discard(user_id)

    def add_team(self, name: str) -> SimulatedTeam:
        """Add a team without members."""
        team = SimulatedTeam(next(self._team_ids), name)
        self.teams[team.id] = team
        return team

    def add_number(self, name: str, digits: str, country: str, time_zone: str) -> SimulatedNumber:
        """Add a number without users. `country` has two letters, `time_zone` is an IANA name."""
        number = SimulatedNumber(next(self._number_ids), name, digits, country, time_zone)
        self.numbers[number.id] = number
        return number

    def assigned(self, number_id: int) -> set[int]:
        """Return the ids of a number's users. Raises KeyError for an unknown id."""
        return set(self.numbers[number_id].user_ids)

    def numbers_of(self, user_id: int) -> list[SimulatedNumber]:
        """Return a user's numbers."""
        return [number for number in list(self.numbers.values()) if user_id in number.user_ids]
