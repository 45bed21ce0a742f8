"""The teams on the board: Aircall's, the users without one, and the groups of the configuration."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from exporter.account.directory import SINGLE_USERS, Directory, NamedRef
from exporter.config import Group, Settings

GROUP_PREFIX = "group:"
"""Before a group's name, in place of a team's id."""

_KINDS: tuple[Literal["users", "teams", "numbers"], ...] = ("users", "teams", "numbers")


class Team(NamedTuple):
    """A team as the board shows it. `numbers` are those that a member answers, none while that is unknown."""

    label: NamedRef
    members: frozenset[int]
    numbers: frozenset[int] | None


def numbers_of(assigned: Mapping[int, frozenset[int]]) -> dict[int, set[int]]:
    """Turn number → users into user → numbers."""
    numbers: dict[int, set[int]] = {}
    for number_id, user_ids in assigned.items():
        for user_id in user_ids:
            numbers.setdefault(user_id, set()).add(number_id)
    return numbers


def teams_of(directory: Directory, user_ids: Iterable[int], settings: Settings) -> tuple[Team, ...]:
    """The teams on the board, "Single Users" after Aircall's own, then the groups.

    Teams and single users are restricted to the names in `teams` of the configuration, where there are
    any. `user_ids` are all users on the board; those in no team of Aircall's are the single ones.
    """
    users = frozenset(user_ids)
    assigned = directory.assigned if settings.map_users_to_numbers else None
    numbers = None if assigned is None else numbers_of(assigned)
    teams = [(directory.team(team_id), members & users) for team_id, members in directory.members.items()]
    single = users.difference(*directory.members.values())
    shown = [
        (label, members)
        for label, members in (*teams, (SINGLE_USERS, single))
        if not settings.teams or label.name in settings.teams
    ]
    groups = [(group_label(group.name), _people(directory, group) & users) for group in settings.groups]
    return tuple(
        Team(
            label,
            members,
            None if numbers is None else frozenset(n for user in members for n in numbers.get(user, ())),
        )
        for label, members in (*shown, *groups)
    )


def group_label(name: str) -> NamedRef:
    """A group where a team's id and name would stand."""
    return NamedRef(GROUP_PREFIX + name, name)


def unknown_names(directory: Directory, settings: Settings) -> Iterator[str]:
    """Say which names and ids of the configuration nobody has; meant for a directory that was read whole."""
    for name in settings.teams:
        if name != SINGLE_USERS.name and not directory.find("teams", name):
            yield f"teams: {name}"
    for group in settings.groups:
        for kind in _KINDS:
            for wanted in getattr(group, kind):
                if not directory.find(kind, wanted):
                    yield f"groups, {group.name}: {kind}: {wanted}"


def _people(directory: Directory, group: Group) -> frozenset[int]:
    """All users that a group names: themselves, by their teams, or by the numbers that they answer."""
    people = {user_id for user in group.users for user_id in directory.find("users", user)}
    for team in group.teams:
        people.update(*(directory.members[team_id] for team_id in directory.find("teams", team)))
    for number in group.numbers:
        answering = directory.assigned or {}
        people.update(*(answering.get(number_id, ()) for number_id in directory.find("numbers", number)))
    return frozenset(people)
