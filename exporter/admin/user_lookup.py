"""Who is who, as Aircall says now, and who is meant by an id, an e-mail address or a name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from exporter.account.directory import SINGLE_USERS
from exporter.aircall import endpoints
from exporter.aircall.decoding import decode_objects
from exporter.aircall.endpoints import ApiTask, paginate
from exporter.aircall.models import Availability, Page, Ref, Team, UserStatus
from exporter.polling.fetchers import UserApi

MAX_CANDIDATES = 5
"""How many are named of those who may have been meant."""


class UserInfo(msgspec.Struct, frozen=True):
    """A user. `state` is what he does now, `status` what he has set himself to, `substatus` why."""

    id: int
    name: str
    email: str
    teams: tuple[str, ...]
    state: str
    status: str
    substatus: str
    since: float | None = None
    """UNIX seconds from which on he was seen in this state, as far as somebody looked."""


def list_statuses(api: UserApi) -> ApiTask[list[UserStatus]]:
    """All users, each once, also where a page has shifted meanwhile."""
    found: dict[int, UserStatus] = {}

    def take(page: Page[UserStatus], _: float) -> None:
        found.update((user.id, user) for user in page.items)

    def listing(version: str) -> ApiTask[None]:
        found.clear()
        yield from paginate(endpoints.user_statuses(version), take)

    yield from api.with_fallback(listing)
    return list(found.values())


def list_users(api: UserApi) -> ApiTask[list[UserInfo]]:
    """All users with their teams and what they do now, by name."""
    users = yield from list_statuses(api)
    teams: dict[int, list[str]] = {}
    doing: dict[int, str] = {}

    def take_teams(page: Page[Team], _: float) -> None:
        for team in page.items:
            for member in decode_objects(team.users or (), Ref)[0]:
                teams.setdefault(member.id, []).append(team.name or f"team {team.id}")

    def take_availabilities(page: Page[Availability], _: float) -> None:
        doing.update((seen.id, seen.availability) for seen in page.items)

    yield from paginate(endpoints.teams(), take_teams)
    yield from paginate(endpoints.availabilities(), take_availabilities)
    people = [
        UserInfo(
            user.id,
            user.label,
            user.email or "",
            tuple(sorted(teams.get(user.id, ()))) or (SINGLE_USERS.name,),
            doing.get(user.id, "unknown"),
            user.availability_status or "",
            user.substatus or "",
        )
        for user in users
    ]
    return sorted(people, key=lambda person: (person.name, person.id))


def match_users(users: Iterable[UserStatus], wanted: str) -> list[UserStatus]:
    """All users of this id, e-mail address or name, in whatever case and spacing."""
    text = _folded(wanted)
    return [user for user in users if text in (str(user.id), _folded(user.email), _folded(user.name))]


def similar_users(users: Sequence[UserStatus], wanted: str) -> list[UserStatus]:
    """A few users whose name holds what is wanted, or is spelled nearly so."""
    text, names = _folded(wanted), [_folded(user.name) for user in users]
    close = set(get_close_matches(text, names, MAX_CANDIDATES, 0.7))
    found = [user for user, name in zip(users, names, strict=True) if text in name or name in close]
    return found[:MAX_CANDIDATES]


def _folded(text: str | None) -> str:
    return " ".join((text or "").casefold().split())
