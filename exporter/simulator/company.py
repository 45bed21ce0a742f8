"""Fill a simulated company with users, teams and numbers."""

from collections.abc import Sequence
from random import Random

from exporter.simulator.directory import Directory
from exporter.simulator.models import SimulatedUser
from exporter.simulator.names import CITIES, COUNTRIES, FIRST_NAMES, LAST_NAMES, LINES, PEOPLE, TEAMS

_HOMES = ("FR", "GB", "FR", "DE", "ES", "US")
_WRAP_UP_TIMES = (30, 45, 60, 30, 90, 45, 0, 30)


def populate(directory: Directory, users: int, seed: int) -> None:
    """Fill a directory with teams of about 12 users, and a number per 16 users; more in a small company.

    Most users are in one team, some in two, a few in none. Most answer two or three numbers. Raises
    ValueError for fewer than 0 users.
    """
    if users < 0:
        raise ValueError(f"found {users} users, expected 0 or more")
    random = Random(f"company {seed}")  # noqa: S311 a simulation
    staff = [_hire(directory, index, random) for index in range(users)]
    _form_teams(directory, staff)
    _open_numbers(directory, staff)


def add_ai_agent(directory: Directory) -> None:
    """Let an AI voice agent talk first to the callers of the number with the fewest calls, if any."""
    numbers = sorted(directory.numbers.values(), key=lambda number: number.popularity)
    for number in numbers[:1]:
        number.has_ai_agent = True


def _hire(directory: Directory, index: int, random: Random) -> SimulatedUser:
    someone = f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"
    user = directory.add_user(PEOPLE[index] if index < len(PEOPLE) else someone)
    country = COUNTRIES[_HOMES[index % len(_HOMES)]]
    user.time_zone, user.language = country.time_zone, country.language
    user.wrap_up_time = _WRAP_UP_TIMES[index % len(_WRAP_UP_TIMES)]
    if index % 12 == 1:
        user.availability_status = "custom"
    if user.name == "Vera Martin":
        user.created_at = "20120-01-02T09:01:58.000Z"  # a date that Aircall's own documentation shows
    return user


def _form_teams(directory: Directory, staff: list[SimulatedUser]) -> None:
    size = max(-(-len(staff) // 12), min(4, len(staff)))
    teams = [directory.add_team(_numbered(TEAMS, index)) for index in range(size)]
    for index, user in enumerate(staff):
        own = index * size // len(staff)
        if index % 24 != 23:
            teams[own].user_ids.add(user.id)
        if index % 8 == 3:
            teams[(own + 1) % size].user_ids.add(user.id)


def _open_numbers(directory: Directory, staff: list[SimulatedUser]) -> None:
    size = max(round(len(staff) / 16), min(6, len(staff)))
    team_ids = list(directory.teams)
    for index in range(size):
        line = LINES[index % len(LINES)]
        country = COUNTRIES[line.country]
        number = directory.add_number(
            _numbered([line.name for line in LINES], index),
            f"{country.office} {index // 100:02} {index % 100:02}",
            country.code,
            country.time_zone,
        )
        number.is_ivr, number.opening, number.popularity = line.is_ivr, line.opening, line.popularity
        number.greeting_s = line.greeting_s
        begin, end = index * len(staff) // size, (index + 1) * len(staff) // size
        neighbours = min(4, end - begin)
        for place in range(begin - neighbours, end + neighbours):
            if place % 24 != 20:
                number.user_ids.add(staff[place % len(staff)].id)
        teams = {place * len(team_ids) // len(staff) for place in (begin, end - 1)}
        number.team_ids = [team_ids[place] for place in sorted(teams)]


def _numbered(names: Sequence[str], index: int) -> str:
    """Return a unique name: a name of the list, then with each city added, then with a counter."""
    round_, place = divmod(index, len(names))
    if round_ == 0:
        return names[place]
    again, city = divmod(round_ - 1, len(CITIES))
    return f"{names[place]} {CITIES[city]}" + (f" {again + 1}" if again else "")
