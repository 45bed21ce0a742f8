"""What Aircall lists besides calls: users, teams, numbers, who answers which, and what everybody does."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from exporter.account.directory import Directory
from exporter.account.leaving import Leaving
from exporter.account.presence import PresenceBook
from exporter.aircall.decoding import decode_objects
from exporter.aircall.objects import KINDS, Availability, Kind, Number, Page, Ref, Team, User, UserStatus

LEAST_PATIENCE = 60.0
"""Seconds for which a user is taken to stay in the state last seen, however often he is looked at."""


class Lists:
    """The directory and everybody's presence, as the lists are read page by page and to their ends."""

    def __init__(self, looked_at: set[int]) -> None:
        """Add to `looked_at` the users of whom it was seen what they do."""
        self.directory = Directory()
        self.presence = PresenceBook()
        self.known: set[str] = set()
        """The datasets that have been read whole once."""
        self.malformed: Counter[Kind] = Counter(dict.fromkeys(KINDS, 0))
        self.patience = LEAST_PATIENCE
        self.looked_at = looked_at
        self._leaving = {name: Leaving() for name in ("users", "teams", "numbers", "availabilities")}
        self._mapped_ids: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())

    def saw_users(self, page: Page[User]) -> None:
        self.malformed["user"] += page.malformed
        for user in page.items:
            self.directory.add_user(user)

    def read_users(self, ids: set[int]) -> None:
        """All users have been read."""
        left = self._leaving["users"].left(self.directory.users.keys(), ids)
        self.directory.drop("users", left)
        self.presence.drop(left)
        self.known.add("users")

    def saw_teams(self, page: Page[Team]) -> None:
        self.malformed["team"] += page.malformed
        for team in page.items:
            if team.users is None:
                self.malformed["team"] += 1
                members = self.directory.members.get(team.id, frozenset())
            else:
                members = self.ids(team.users, "user")
            self.directory.add_team(team.id, team.name, members)

    def read_teams(self, ids: set[int]) -> None:
        """All teams have been read."""
        self.directory.drop("teams", self._leaving["teams"].left(self.directory.members.keys(), ids))
        self.known.add("teams")

    def saw_numbers(self, page: Page[Number]) -> None:
        self.malformed["number"] += page.malformed
        for number in page.items:
            self.directory.add_number(number)

    def read_numbers(self, ids: set[int]) -> None:
        """All numbers have been read."""
        self.directory.drop("numbers", self._leaving["numbers"].left(self.directory.numbers.keys(), ids))
        self.known.add("numbers")

    def read_assignments(
        self, assigned: Mapping[int, frozenset[int]], user_ids: frozenset[int], number_ids: frozenset[int]
    ) -> None:
        """Who answers which number has been read whole, for these users and numbers."""
        self.directory.assign(assigned)
        self._mapped_ids = user_ids, number_ids
        self.known.add("assignments")

    def saw_availabilities(self, page: Page[Availability], at: float) -> None:
        self.malformed["availability"] += page.malformed
        for seen in page.items:
            self.saw_availability(seen.id, seen.availability, at)

    def saw_availability(self, user_id: int, word: str, at: float) -> None:
        """What one user does, in Aircall's word, as it was asked for `at` (UNIX seconds, our clock)."""
        self.presence.saw(user_id, word, at, self.patience)
        self.looked_at.add(user_id)

    def saw_substatuses(self, page: Page[UserStatus], at: float) -> None:
        self.malformed["user"] += page.malformed
        for seen in page.items:
            self.saw_substatus(seen.id, seen.substatus, at)

    def saw_substatus(self, user_id: int, substatus: str | None, at: float) -> None:
        """Why a user is away, in Aircall's words, as it was asked for `at` (UNIX seconds, our clock)."""
        presence = self.presence.users.get(user_id)
        if presence is not None:
            presence.tell(substatus, at)
            self.looked_at.add(user_id)

    def read_availabilities(self, ids: set[int]) -> None:
        """All availabilities have been read."""
        left = self._leaving["availabilities"].left(self.presence.users.keys(), ids)
        self.looked_at |= left
        self.presence.drop(left)
        self.known.add("availabilities")

    def ids(self, raws: Iterable[Any], kind: Kind) -> frozenset[int]:
        """The ids of nested objects, those that cannot be read counted and left out."""
        refs, malformed = decode_objects(raws, Ref)
        self.malformed[kind] += malformed
        return frozenset(ref.id for ref in refs)

    @property
    def in_doubt(self) -> frozenset[str]:
        """The lists that left out somebody who was there before, and are to be read once more."""
        return frozenset(name for name, leaving in self._leaving.items() if leaving.in_doubt)

    @property
    def assignments_outdated(self) -> bool:
        """Whether there are users or numbers that the assignments were not read for."""
        users, numbers = self._mapped_ids
        return not (self.directory.users.keys() <= users and self.directory.numbers.keys() <= numbers)
