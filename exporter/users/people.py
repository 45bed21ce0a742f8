"""Who is who, as Aircall says now, and who is meant by an id, an e-mail address or a name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from exporter.account.directory import SINGLE_USERS
from exporter.aircall import endpoints
from exporter.aircall.decoding import decode_objects
from exporter.aircall.endpoints import Asking, each_page
from exporter.aircall.objects import Availability, Page, Ref, Team, UserStatus
from exporter.polling.reads import UserApi

MOST_CANDIDATES = 5
"""How many are named of those who may have been meant."""


class Person(msgspec.Struct, frozen=True):
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


def statuses(api: UserApi) -> Asking[list[UserStatus]]:
    """All users, each once, also where a page has shifted meanwhile."""
    found: dict[int, UserStatus] = {}

    def take(page: Page[UserStatus], _: float) -> None:
        found.update((user.id, user) for user in page.items)

    def listing(version: str) -> Asking[None]:
        found.clear()
        yield from each_page(endpoints.user_statuses(version), take)

    yield from api.either(listing)
    return list(found.values())


def everybody(api: UserApi) -> Asking[list[Person]]:
    """All users with their teams and what they do now, by name."""
    users = yield from statuses(api)
    teams: dict[int, list[str]] = {}
    doing: dict[int, str] = {}

    def take_teams(page: Page[Team], _: float) -> None:
        for team in page.items:
            for member in decode_objects(team.users or (), Ref)[0]:
                teams.setdefault(member.id, []).append(team.name or f"team {team.id}")

    def take_availabilities(page: Page[Availability], _: float) -> None:
        doing.update((seen.id, seen.availability) for seen in page.items)

    yield from each_page(endpoints.teams(), take_teams)
    yield from each_page(endpoints.availabilities(), take_availabilities)
    people = [
        Person(
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


def meant(users: Iterable[UserStatus], wanted: str) -> list[UserStatus]:
    """All users of this id, e-mail address or name, in whatever case and spacing."""
    text = _folded(wanted)
    return [user for user in users if text in (str(user.id), _folded(user.email), _folded(user.name))]


def alike(users: Sequence[UserStatus], wanted: str) -> list[UserStatus]:
    """A few users whose name holds what is wanted, or is spelled nearly so."""
    text, names = _folded(wanted), [_folded(user.name) for user in users]
    close = set(get_close_matches(text, names, MOST_CANDIDATES, 0.7))
    found = [user for user, name in zip(users, names, strict=True) if text in name or name in close]
    return found[:MOST_CANDIDATES]


def _folded(text: str | None) -> str:
    return " ".join((text or "").casefold().split())
