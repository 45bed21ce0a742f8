"""The teams on the board: Aircall's, the users without one, and the groups of the configuration."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exporter.account.directory import SINGLE_USERS, Directory, NamedRef
from exporter.aircall.models import Call
from exporter.config.settings import Group, Settings

GROUP_PREFIX = "group:"
"""Prefix of a group's name in place of a team's id."""


class Team(NamedTuple):
    """A team on the board. `numbers` are those that a member answers; None if assignments are unknown."""

    label: NamedRef
    members: frozenset[int]
    numbers: frozenset[int] | None


def teams_of_call(call: Call, teams: Iterable[Team]) -> list[Team]:
    """Return the teams for which a done call counts: those of its user, or of its number if it was missed."""
    if call.outcome == "missed":
        return [team for team in teams if call.number and team.numbers and call.number.id in team.numbers]
    return [team for team in teams if call.user and call.user.id in team.members]


def numbers_of(assigned: Mapping[int, frozenset[int]]) -> dict[int, set[int]]:
    """Turn number → users into user → numbers."""
    numbers: dict[int, set[int]] = {}
    for number_id, user_ids in assigned.items():
        for user_id in user_ids:
            numbers.setdefault(user_id, set()).add(number_id)
    return numbers


def teams_of(directory: Directory, user_ids: Iterable[int], settings: Settings) -> tuple[Team, ...]:
    """Return the teams on the board: Aircall's teams, "Single Users", then the groups.

    If `teams` is configured, only teams with these names (and "Single Users", if named) are shown. `user_ids`
    are all users on the board. Those in none of Aircall's teams are the single users.
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
    groups = [
        (group_label(group.name), _members(directory, group, assigned or {}) & users)
        for group in settings.groups
    ]
    return tuple(
        Team(
            label,
            members,
            None if numbers is None else frozenset(n for user in members for n in numbers.get(user, ())),
        )
        for label, members in (*shown, *groups)
    )


def group_label(name: str) -> NamedRef:
    """Return a group's id and name, as for a team."""
    return NamedRef(GROUP_PREFIX + name, name)


def _members(directory: Directory, group: Group, assigned: Mapping[int, frozenset[int]]) -> frozenset[int]:
    """Return all users of a group: those it names, and those of the teams and numbers that it names."""
    members = {user_id for user in group.users for user_id in directory.find("users", user)}
    for team in group.teams:
        members.update(*(directory.members[team_id] for team_id in directory.find("teams", team)))
    for number in group.numbers:
        members.update(*(assigned.get(number_id, ()) for number_id in directory.find("numbers", number)))
    return frozenset(members)
