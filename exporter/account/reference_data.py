"""Aircall's lists of users, teams, numbers, assignments and availabilities."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any, Literal

from exporter.account.counter_totals import Key
from exporter.account.directory import Directory
from exporter.account.incomplete_lists import IncompleteLists
from exporter.account.presence import STATES, PresenceBook
from exporter.account.removal_detector import CONFIRMATION_S, Listed, Memberships, RemovalDetector
from exporter.account.substatus_times import FAMILY, SubstatusTimes
from exporter.account.times_in_state import TimesInState
from exporter.aircall.data_limits import (
    LIMITS,
    MAX_ASSIGNMENTS,
    MAX_MEMBERSHIPS,
    MAX_OBJECTS,
    Limit,
    Words,
    first,
    fit_into,
)
from exporter.aircall.decoding import InvalidResponseError, decode_objects
from exporter.aircall.models import KINDS, Availability, Kind, Number, Page, Ref, Team, User, UserStatus
from exporter.aircall.substatus import SUBSTATUSES, UNKNOWN, normalised

Answering = Literal["number", "user"]
"""Whether assignments are fetched number by number, or user by user."""

Since = tuple[float, float]
"""When something was first and last seen (UNIX seconds, our clock)."""

MIN_STALE_AFTER_S = 60.0
"""Minimum seconds for which a user is assumed to stay in the state last seen."""

MAX_UNLISTED_TEAMS = 1000
"""Unlisted teams that are remembered."""


class ReferenceData:
    """The directory and the presence of all users, updated by pages and by the ends of lists."""

    def __init__(self, changed_users: set[int]) -> None:
        """Begin empty. The ids of users whose presence was updated are added to `changed_users`."""
        self.directory = Directory()
        self.presence = PresenceBook()
        self.known: set[str] = set()
        """The datasets that have been fetched completely at least once."""
        self.limits: Counter[Limit] = Counter(dict.fromkeys(LIMITS, 0))
        """How often each limit was exceeded."""
        self.substatus_times = SubstatusTimes(self.limits)
        self.times_in_state = TimesInState(self.limits)
        self.malformed: Counter[Kind] = Counter(dict.fromkeys(KINDS, 0))
        self.stale_after_s = MIN_STALE_AFTER_S
        self.changed_users = changed_users
        self.incomplete = IncompleteLists()
        self.totals: dict[str, int] = {}
        """The last `meta.total` of each list."""
        self.users_before_teams: frozenset[int] = frozenset()
        """The users who were listed when the teams were fetched last. Later ones have no known teams."""
        self.members_listed: frozenset[int] = frozenset()
        """The members of all teams, as last fetched."""
        self.teams_in_calls: set[int] = set()
        """The ids of unlisted teams that active calls name."""
        self._members: dict[int, frozenset[int]] = {}
        """The members of the teams on the pages fetched so far."""
        self._removal_detectors = {
            name: RemovalDetector[int]() for name in ("users", "teams", "numbers", "availabilities")
        }
        self._availabilities = Words("availability_words", STATES)
        self._substatuses = Words("substatuses", (*SUBSTATUSES, UNKNOWN))
        self._memberships = {name: Memberships() for name in ("teams", "assignments")}
        self._unread: dict[tuple[Answering, int], Since] = {}
        """The numbers or users whose assignments could not be read when last fetched."""
        self._assigned_numbers: frozenset[int] = frozenset()
        """The numbers that the last complete fetch of assignments included."""
        self._mapped_ids: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())

    def apply_users_page(self, page: Page[User]) -> None:
        """Add the users of a page."""
        self.malformed["user"] += page.malformed
        self.limits.update(page.exceeded)
        for user in page.items:
            if self._has_room("users", user.id, self.directory.users):
                self.directory.add_user(user)

    def finish_users(self, listed: Listed) -> None:
        """Remove the users who are no longer listed, after the last page."""
        left = self._left("users", self.directory.users.keys(), listed)
        self.directory.drop("users", left)
        self._remove_presence(left)

    def apply_teams_page(self, page: Page[Team]) -> None:
        """Add the teams of a page, with their members."""
        self.malformed["team"] += page.malformed
        self.limits.update(page.exceeded)
        room = MAX_MEMBERSHIPS - sum(map(len, self.directory.members.values()))
        for team in page.items:
            if not self._has_room("teams", team.id, self.directory.members):
                continue
            known = self.directory.members.get(team.id, frozenset())
            if team.users is None:
                self.malformed["team"] += 1
                members = known
            else:
                members = self.ids(team.users, "user")
            self._members[team.id] = members
            new = members - known if len(members - known) <= room else frozenset()
            room -= len(new)
            self.directory.add_team(team.id, team.name, known | new)

    def finish_teams(self, listed: Listed) -> None:
        """Remove the teams and members that are no longer listed, after the last page."""
        directory = self.directory
        self.members_listed = frozenset().union(*self._members.values())
        directory.drop("teams", self._left("teams", directory.members.keys(), listed))
        members = {id_: self._members[id_] for id_ in listed.ids & self._members.keys()}
        merged = self._memberships["teams"].merged(directory.members, members, listed.at)
        for id_, users in fit_into(merged, MAX_MEMBERSHIPS, "memberships", self.limits).items():
            directory.set_members(id_, users)
        self._members.clear()
        self.users_before_teams = frozenset(directory.users)
        self.teams_in_calls -= directory.members.keys()

    def saw_teams_in_call(self, team_ids: frozenset[int]) -> None:
        """Record the teams that an active call names."""
        unlisted = team_ids - self.directory.members.keys()
        if unlisted and len(self.teams_in_calls) < MAX_UNLISTED_TEAMS:
            self.teams_in_calls |= unlisted

    def apply_numbers_page(self, page: Page[Number], at: float) -> None:
        """Add the numbers of a page, which was requested `at` (our clock)."""
        self.malformed["number"] += page.malformed
        self.limits.update(page.exceeded)
        for number in page.items:
            if self._has_room("numbers", number.id, self.directory.numbers):
                self.directory.add_number(number, at)

    def finish_numbers(self, listed: Listed) -> None:
        """Remove the numbers that are no longer listed, after the last page."""
        self.directory.drop("numbers", self._left("numbers", self.directory.numbers.keys(), listed))

    def note_unread(self, kind: Answering, ids: Set[int], at: float) -> None:
        """Record which numbers or users could not be read `at` (our clock); all others could."""
        before = self._unread
        failed = {(kind, id_): (before.get((kind, id_), (at, at))[0], at) for id_ in ids}
        self._unread = {key: since for key, since in before.items() if key[0] != kind} | failed

    def unread(self, kind: Answering) -> frozenset[int]:
        """Return the numbers or users whose assignments could not be read when last fetched."""
        return frozenset(id_ for of, id_ in self._unread if of == kind)

    @property
    def doubtful_numbers(self) -> frozenset[int]:
        """The numbers whose users are unknown: new ones, and those for which requests began to fail recently.

        After `CONFIRMATION_S` of failed requests they count as numbers without users.
        """
        assigned = self.directory.assigned or {}
        unread = {id_ for id_ in self._unread_recently("number") if not assigned.get(id_)}
        return frozenset(unread | (self.directory.numbers.keys() - self._assigned_numbers))

    @property
    def assignments_in_doubt(self) -> bool:
        """Whether the users of some numbers may be unknown."""
        assigned = (self.directory.assigned or {}).values()
        return bool(self.doubtful_numbers or self._unread_recently("user").difference(*assigned))

    def _unread_recently(self, kind: Answering) -> frozenset[int]:
        return frozenset(
            id_
            for (of, id_), (first, last) in self._unread.items()
            if of == kind and last - first < CONFIRMATION_S
        )

    def begin_assignments(self, user_ids: frozenset[int], number_ids: frozenset[int]) -> None:
        """Record that a fetch of the assignments of these users and numbers begins."""
        self._mapped_ids = user_ids, number_ids

    def apply_assignments(
        self,
        assigned: Mapping[int, frozenset[int]],
        user_ids: frozenset[int],
        number_ids: frozenset[int],
        at: float,
    ) -> None:
        """Take in all assignments, fetched `at` (our clock) for these users and numbers."""
        before = {id_: users & user_ids for id_, users in (self.directory.assigned or {}).items()}
        self._assigned_numbers = number_ids
        merged = self._memberships["assignments"].merged(before, assigned, at)
        self.directory.assign(fit_into(merged, MAX_ASSIGNMENTS, "assignments", self.limits))
        self._read("assignments", at, incomplete=not (number_ids and any(assigned.values())))

    def apply_availabilities_page(self, page: Page[Availability], at: float) -> None:
        """Apply a page of availabilities, which were requested `at` (UNIX seconds, our clock)."""
        self.malformed["availability"] += page.malformed
        self.limits.update(page.exceeded)
        for seen in page.items:
            self.apply_availability(seen.id, seen.availability, at)

    def apply_availability(self, user_id: int, word: str, at: float) -> None:
        """Take in one user's availability, requested `at` (UNIX seconds, our clock)."""
        if self._has_room("users", user_id, self.presence.users):
            word = self._availabilities.word(word, self.limits)
            self.times_in_state.add(user_id, self.presence.apply(user_id, word, at, self.stale_after_s))
            self.substatus_times.add(user_id, self.presence.users[user_id].by_substatus.take())
            self.changed_users.add(user_id)

    def apply_substatuses_page(self, page: Page[UserStatus], at: float) -> None:
        """Apply a page of substatuses, which were requested `at` (UNIX seconds, our clock)."""
        self.malformed["user"] += page.malformed
        for seen in page.items:
            self.apply_substatus(seen.id, seen.substatus, at)

    def apply_substatus(self, user_id: int, substatus: str | None, at: float) -> None:
        """Take in one user's substatus, requested `at` (UNIX seconds, our clock)."""
        presence = self.presence.users.get(user_id)
        if presence is not None:
            word = normalised(substatus) if substatus else ""
            presence.set_substatus(self._substatuses.word(word, self.limits) if word else None, at)
            self.changed_users.add(user_id)

    def restore_substatus_times(self, totals: Iterable[tuple[Key, int]]) -> None:
        """Continue from the time by substatus that the archive has among its `totals`."""
        times = [(key, seconds) for key, seconds in totals if key[0] == FAMILY]
        self._substatuses.add(key[2] for key, _ in times)
        self.substatus_times.restore(times)
        self.changed_users |= self.directory.users.keys() | self.presence.users.keys()

    def finish_availabilities(self, listed: Listed) -> None:
        """Remove the presence of users who are no longer listed, after the last page."""
        left = self._left("availabilities", self.presence.users.keys(), listed)
        self.changed_users |= left
        self._remove_presence(left)

    def _remove_presence(self, user_ids: Set[int]) -> None:
        self.presence.remove(user_ids)
        self.times_in_state.remove(user_ids)

    def confirm(self, name: str) -> None:
        """Accept the last list with this name.

        Raises InvalidResponseError if too many objects are missing for the list to be accepted yet.
        """
        objects = self._removal_detectors[name].unconfirmed if name in self._removal_detectors else 0
        users = self._memberships[name].unconfirmed if name in self._memberships else 0
        if objects or users:
            raise InvalidResponseError(
                f"the answer leaves out {objects} known objects and {users} users of others at once;"
                f" they stay until this has lasted for {CONFIRMATION_S:.0f} s"
            )

    def _has_room(self, limit: Limit, id_: int, known: Collection[int]) -> bool:
        """Return whether an object is known or fits the limit."""
        room = id_ in known or len(known) < MAX_OBJECTS
        self.limits[limit] += not room
        return room

    def _left(self, name: str, known: Set[int], listed: Listed) -> Set[int]:
        without_users = name == "teams" and not self.members_listed
        incomplete = not listed.ids or listed.short or listed.malformed > 0 or without_users
        self._read(name, listed.at, incomplete=incomplete)
        return self._removal_detectors[name].confirm(known, listed.ids, listed.at, short=listed.short)

    def _read(self, name: str, at: float, *, incomplete: bool) -> None:
        self.known.add(name)
        self.incomplete.record(name, at, incomplete)

    def suspicious(self, name: str) -> bool:
        """Return whether a list that has never been complete is not believed yet.

        It is believed once it was incomplete twice, or for `CONFIRMATION_S` if an earlier run saw objects of
        its kind.
        """
        kinds = ("user", "number") if name == "assignments" else (name.removesuffix("s"),)
        seen_before = all(map(self.directory.remembers, kinds))
        return self.incomplete.in_doubt(name) and (seen_before or self.incomplete.once(name))

    def ids(self, raws: Iterable[Any], kind: Kind) -> frozenset[int]:
        """Return the ids of nested objects. Malformed objects are counted and left out."""
        refs, malformed = decode_objects(first(tuple(raws), MAX_OBJECTS, "members", self.limits), Ref)
        self.malformed[kind] += malformed
        return frozenset(ref.id for ref in refs)

    @property
    def unconfirmed_lists(self) -> frozenset[str]:
        """The lists that left out known objects once, and are to be fetched again."""
        return frozenset(name for name, detector in self._removal_detectors.items() if detector.missing_once)

    @property
    def teams_outdated(self) -> bool:
        """Whether there are users who were not listed yet when the teams were fetched."""
        return "teams" in self.known and not self.directory.users.keys() <= self.users_before_teams

    @property
    def assignments_outdated(self) -> bool:
        """Whether there are users or numbers that no fetch of assignments has included."""
        users, numbers = self._mapped_ids
        return not (self.directory.users.keys() <= users and self.directory.numbers.keys() <= numbers)
