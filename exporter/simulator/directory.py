"""Who is who: users, teams and numbers of the simulated account, and who answers which number."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from exporter.simulator.calls import SimulatedCall


@dataclass(slots=True, eq=False)
class SimulatedUser:
    """A user; every field may be changed at any time."""

    id: int
    name: str
    email: str
    time_zone: str = "Europe/Paris"
    language: str = "en-US"
    created_at: str = "2024-03-04T09:12:44.000Z"
    wrap_up_time: int = 0
    """Seconds of after-call work that follow each call."""
    presence: str = "available"
    """The availability while neither in a call nor wrapping one up; any text is served as it is."""
    availability_status: str = "available"
    """What the user set: `available`, `unavailable`, or `custom` for working hours ("Auto" in the phone)."""
    substatus: str = "always_open"
    """`always_open`, `always_closed`, or why he pauses, such as `Out for lunch`."""
    held_back: bool = False
    """Whether somebody else made the user unavailable, until that is undone or he signs out."""
    call: SimulatedCall | None = None
    """The call that keeps the user busy now: one dialled or answered."""
    wrap_up_until: float = 0.0
    """UNIX seconds at which the after-call work ends."""


@dataclass(slots=True, eq=False)
class SimulatedTeam:
    """A team; `user_ids` may be changed at any time."""

    id: int
    name: str
    user_ids: set[int] = field(default_factory=set)
    created_at: str = "2024-03-04T08:31:43.000Z"


@dataclass(slots=True, eq=False)
class SimulatedNumber:
    """A phone number; `user_ids`, the users who answer it, may be changed at any time."""

    id: int
    name: str
    digits: str
    country: str
    time_zone: str
    user_ids: set[int] = field(default_factory=set)
    team_ids: list[int] = field(default_factory=list)
    """The teams that its calls are distributed to."""
    is_ivr: bool = False
    opening: tuple[float, float] | None = None
    """Between which hours of the company's day it is open; none: always."""
    popularity: float = 1.0
    """How many callers it draws, per user who answers it."""
    created_at: str = "2024-03-04T11:41:01.000Z"


class Directory:
    """All users, teams and numbers by id, as Aircall's own would be listed."""

    def __init__(self) -> None:
        self.users: dict[int, SimulatedUser] = {}
        self.teams: dict[int, SimulatedTeam] = {}
        self.numbers: dict[int, SimulatedNumber] = {}
        self.user_ids = count(456_001)
        """Those of the users to come."""
        self._team_ids = count(6_781)
        self._number_ids = count(81_234)

    def add_user(
        self, name: str, *, team_ids: Iterable[int] = (), number_ids: Iterable[int] = ()
    ) -> SimulatedUser:
        """Hire a user into the given teams and onto the given numbers. Raises KeyError on an unknown id."""
        id_ = next(self.user_ids)
        user = SimulatedUser(id_, name, f"user.{id_}@example.com")
        for team_id in team_ids:
            self.teams[team_id].user_ids.add(id_)
        for number_id in number_ids:
            self.numbers[number_id].user_ids.add(id_)
        self.users[id_] = user
        return user

    def remove_user(self, user_id: int) -> None:
        """Delete a user, also from teams and numbers; his calls stay. Raises KeyError if unknown."""
        del self.users[user_id]
        for team in self.teams.values():
            team.user_ids.discard(user_id)
        for number in self.numbers.values():
            number.user_ids.discard(user_id)

    def add_team(self, name: str) -> SimulatedTeam:
        """Found a team without members."""
        team = SimulatedTeam(next(self._team_ids), name)
        self.teams[team.id] = team
        return team

    def add_number(self, name: str, digits: str, country: str, time_zone: str) -> SimulatedNumber:
        """Open a number that nobody answers yet. `country` is two letters, `time_zone` an IANA name."""
        number = SimulatedNumber(next(self._number_ids), name, digits, country, time_zone)
        self.numbers[number.id] = number
        return number

    def assigned(self, number_id: int) -> set[int]:
        """The ids of the users who answer a number. Raises KeyError if it is unknown."""
        return set(self.numbers[number_id].user_ids)

    def numbers_of(self, user_id: int) -> list[SimulatedNumber]:
        """The numbers that a user answers."""
        return [number for number in list(self.numbers.values()) if user_id in number.user_ids]
