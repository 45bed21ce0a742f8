"""The directory of users, teams and numbers, and their relations (the tutorial's "data repository")."""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar

from exporter.aircall.data_limits import MAX_NAMES
from exporter.aircall.models import Number, User

T = TypeVar("T")

ListName = Literal["users", "teams", "numbers"]


class Opening(NamedTuple):
    """Whether a number is open (None if unknown), since when (our clock), and whether an event says so."""

    is_open: bool | None
    at: float
    by_event: bool


class NamedRef(NamedTuple):
    """An id (as text) and a display name, as in labels."""

    id: str
    name: str


@lru_cache(maxsize=2**14)
def _label(id_: int, name: str) -> NamedRef:
    """Return the same object for the same id and name: a number is in the rows of all of its users."""
    return NamedRef(str(id_), name)


SINGLE_USERS = NamedRef("none", "Single Users")
"""The team of users without a team (tutorial, "Aircall Teams")."""


class Directory:
    """The latest users, teams, numbers and assignments.

    The names of removed objects stay, because their counters still need them.
    """

    def __init__(self) -> None:
        self.version = 0
        """Increases with each change."""
        self.users: dict[int, User] = {}
        self.numbers: dict[int, Number] = {}
        self.members: dict[int, frozenset[int]] = {}
        self.assigned: Mapping[int, frozenset[int]] | None = None
        self._openings: dict[int, Opening] = {}
        self._user_names: dict[int, str] = {}
        self._user_emails: dict[int, str] = {}
        self._team_names: dict[int, str] = {}
        self._number_names: dict[int, str] = {}
        self._new_names: dict[tuple[str, str], str] = {}

    def add_user(self, user: User) -> None:
        """Add or update a user."""
        self._put(self.users, user.id, user)
        self._learn("user", user.id, user.name or f"user {user.id}")
        if user.id in self._user_names:  # as many as names
            self._user_emails[user.id] = str(user.email or "").lower()

    def add_team(self, team_id: int, name: str | None, members: Iterable[int]) -> None:
        """Add or update a team and its members."""
        self.set_members(team_id, frozenset(members))
        self._learn("team", team_id, name or f"team {team_id}")

    def set_members(self, team_id: int, members: frozenset[int]) -> None:
        """Set the members of a team."""
        self._put(self.members, team_id, members)

    def add_number(self, number: Number, at: float = -math.inf) -> None:
        """Add or update a number that was requested `at` (our clock)."""
        self._put(self.numbers, number.id, number)
        self._learn("number", number.id, number.name or f"number {number.id}")
        self.set_open(number.id, number.is_open, at)

    def set_open(self, number_id: int, is_open: bool | None, at: float, *, by_event: bool = False) -> bool:
        """Set whether a number is open `at` (our clock), unless that is outdated; return whether it is not.

        What an event reported stays if a later list does not say whether the number is open. Events about
        numbers that are not listed are ignored: the list that adds the number is newer.
        """
        before = self._openings.get(number_id, Opening(None, -math.inf, by_event=False))
        if at < before.at:
            return False
        if number_id in self.numbers and not (is_open is None and before.by_event):
            self._openings[number_id] = Opening(is_open, at, by_event)
            self.version += is_open != before.is_open
        return True

    def is_open(self, number_id: int) -> bool | None:
        """Return whether a number is open, or None if that is unknown."""
        opening = self._openings.get(number_id)
        return opening.is_open if opening else None

    def assign(self, assigned: Mapping[int, frozenset[int]]) -> None:
        """Set the users of each number, by number id."""
        self.assigned = assigned
        self.version += 1

    def drop(self, kind: ListName, ids: Set[int]) -> None:
        """Remove objects of one kind."""
        by_kind: dict[str, dict[int, Any]] = {
            "users": self.users,
            "teams": self.members,
            "numbers": self.numbers,
        }
        present = by_kind[kind]
        for id_ in present.keys() & ids:
            del present[id_]
            if kind == "numbers":
                self._openings.pop(id_, None)
            self.version += 1

    def user(self, user_id: int) -> NamedRef:
        """Return the user's id and name, or `user <id>` if the name is unknown."""
        return _label(user_id, self._user_names.get(user_id) or f"user {user_id}")

    def team(self, team_id: int) -> NamedRef:
        """Return a team's id and name. Its name is made from its id if no list has named it."""
        return _label(team_id, self._team_names.get(team_id) or f"team {team_id}")

    def number(self, number_id: int | None) -> NamedRef:
        """Return the number's id and name; both are empty for a call without a number."""
        if number_id is None:
            return NamedRef("", "")
        return _label(number_id, self._number_names.get(number_id) or f"number {number_id}")

    @property
    def user_names(self) -> Mapping[int, str]:
        """The latest name of each user that a list has ever named, also in earlier runs."""
        return self._user_names

    @property
    def user_emails(self) -> Mapping[int, str]:
        """The latest e-mail address, in lower case, of each user that a list of this run has named."""
        return self._user_emails

    @property
    def number_names(self) -> Mapping[int, str]:
        """The latest name of each number that a list has ever named, also in earlier runs."""
        return self._number_names

    @property
    def team_names(self) -> Mapping[int, str]:
        """The latest name of each team that a list has ever named, also in earlier runs."""
        return self._team_names

    def drain_new_names(self) -> dict[tuple[str, str], str]:
        """Return the names that changed since the last call, by kind (user, team, number) and id."""
        new, self._new_names = self._new_names, {}
        return new

    def renew_names(self) -> None:
        """Treat all names as new, because an archive that was replaced does not have them."""
        self._new_names = {
            (kind, str(id_)): name
            for kind, names in self._names_by_kind().items()
            for id_, name in names.items()
        }

    def _put(self, known: dict[int, T], id_: int, value: T) -> None:
        if known.get(id_) != value:
            known[id_] = value
            self.version += 1

    def _learn(self, kind: str, id_: int, name: str) -> None:
        names = self._names_by_kind()[kind]
        if id_ not in names and len(names) >= MAX_NAMES:
            return
        if names.get(id_) != name:
            names[id_] = self._new_names[kind, str(id_)] = name
            self.version += 1

    def remember(self, names: Mapping[tuple[str, str], str]) -> None:
        """Take in names from earlier runs. Names that were fetched since take precedence."""
        self.version += 1
        by_kind = self._names_by_kind()
        for (kind, id_), name in names.items():
            if kind in by_kind:
                by_kind[kind].setdefault(int(id_), name)

    def remembers(self, kind: str) -> bool:
        """Return whether any object of a kind (user, team, number) has a name, also from earlier runs."""
        return bool(self._names_by_kind()[kind])

    def _names_by_kind(self) -> dict[str, dict[int, str]]:
        return {"user": self._user_names, "team": self._team_names, "number": self._number_names}

    def unnamed_users(self, user_ids: Set[int]) -> Set[int]:
        """Return those of the users that no list has named yet."""
        return user_ids - self._user_names.keys()

    def unnamed_numbers(self, number_ids: Set[int]) -> Set[int]:
        """Return those of the numbers that no list has named yet."""
        return number_ids - self._number_names.keys()

    def find(self, kind: ListName, name_or_id: str | int) -> set[int]:
        """Return the ids of all users, teams or numbers with this name or id; users also by their e-mail."""
        wanted = str(name_or_id)
        found = {id_ for id_, name in self._named(kind) if wanted == str(id_) or name_or_id == name}
        if kind == "users" and "@" in wanted:
            found |= {id_ for id_, user in self.users.items() if str(user.email).lower() == wanted.lower()}
        return found

    def present_names(self, kind: ListName) -> list[str]:
        """Return the names of all users, teams or numbers in Aircall's list."""
        return [name for _, name in self._named(kind) if name is not None]

    def _named(self, kind: ListName) -> Iterator[tuple[int, str | None]]:
        """Yield the id and the name of each object in a list."""
        present, names = {
            "users": (self.users.keys(), self._user_names),
            "teams": (self.members.keys(), self._team_names),
            "numbers": (self.numbers.keys(), self._number_names),
        }[kind]
        return ((id_, names.get(id_)) for id_ in present)
