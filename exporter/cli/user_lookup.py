"""Fetch all users, and find users by id, e-mail address or name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from exporter.account.directory import SINGLE_USERS
from exporter.aircall import endpoints
from exporter.aircall.decoding import decode_objects
from exporter.aircall.endpoints import ApiTask, paginate
from exporter.aircall.models import Availability, Page, Ref, Team, UserStatus
from exporter.aircall.substatus import normalised
from exporter.polling.fetchers import UserApi

MAX_CANDIDATES = 5
"""Maximum number of similar users that an error lists."""


class UserInfo(msgspec.Struct, frozen=True):
    """A user. `state` is their current state, `status` the status they set, `substatus` its reason."""

    id: int
    name: str
    email: str
    teams: tuple[str, ...]
    state: str
    status: str
    substatus: str
    since: float | None = None
    """When the user was first observed in this state (UNIX seconds); `None` if unknown."""


def list_statuses(api: UserApi) -> ApiTask[list[UserStatus]]:
    """Fetch all users, each once, even if pages shift meanwhile."""
    found: dict[int, UserStatus] = {}

    def take(page: Page[UserStatus], _: float) -> None:
        found.update((user.id, user) for user in page.items)

    def listing(version: str) -> ApiTask[None]:
        found.clear()
        yield from paginate(endpoints.user_statuses(version), take)

    yield from api.with_fallback(listing)
    return list(found.values())


def list_users(api: UserApi) -> ApiTask[list[UserInfo]]:
    """Fetch all users with their teams and current states, sorted by name."""
    users = yield from list_statuses(api)
    teams: dict[int, list[str]] = {}
    states: dict[int, str] = {}

    def take_teams(page: Page[Team], _: float) -> None:
        for team in page.items:
            for member in decode_objects(team.users or (), Ref)[0]:
                teams.setdefault(member.id, []).append(team.name or f"team {team.id}")

    def take_availabilities(page: Page[Availability], _: float) -> None:
        states.update((user.id, user.availability) for user in page.items)

    yield from paginate(endpoints.teams(), take_teams)
    yield from paginate(endpoints.availabilities(), take_availabilities)
    found = [
        UserInfo(
            user.id,
            user.label,
            user.email or "",
            tuple(sorted(teams.get(user.id, ()))) or (SINGLE_USERS.name,),
            states.get(user.id, "unknown"),
            user.availability_status or "",
            normalised(user.substatus or ""),
        )
        for user in users
    ]
    return sorted(found, key=lambda user: (user.name, user.id))


def match_users(users: Iterable[UserStatus], text: str) -> list[UserStatus]:
    """Return all users with this id, e-mail address or name. Case and spacing are ignored."""
    text = _normalize(text)
    return [user for user in users if text in (str(user.id), _normalize(user.email), _normalize(user.name))]


def similar_users(users: Sequence[UserStatus], text: str) -> list[UserStatus]:
    """Return a few users whose name contains the text or is similar to it."""
    text, names = _normalize(text), [_normalize(user.name) for user in users]
    close = set(get_close_matches(text, names, MAX_CANDIDATES, 0.7))
    found = [user for user, name in zip(users, names, strict=True) if text in name or name in close]
    return found[:MAX_CANDIDATES]


def _normalize(text: str | None) -> str:
    return " ".join((text or "").casefold().split())
