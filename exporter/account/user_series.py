"""Decide which users' counters have series of their own, and add up the rest under `others`.

A counter must never decrease, nor count again what another series has counted. So a user who has series keeps
them, also after leaving and if the limit is lowered. Calls counted under `others` stay there when the user
gets series, which then begin at 0.

Excluded users have no series. If they had series before, `others` leaves out what these counted, and they
continue from there once the user is not excluded any more.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from exporter.account.counter_totals import NOT_ARCHIVED, OTHERS, Key, Subject, Totals, kind_of
from exporter.account.exclusion import Exclusion

CountsByUser = dict[str, tuple[tuple[Key, int], ...]]
"""Counts by the id of a user."""


@dataclass(frozen=True, slots=True)
class SavedUserSeries:
    """How the counts of users are split between their own series and `others`, as the archive has it."""

    own: CountsByUser
    """The counts of users with series that stay in `others`, because they are from before."""
    kept: CountsByUser = field(default_factory=dict)
    """The counts of excluded users that their series showed before. `others` leaves them out."""


class UserSeries:
    """Turns the totals of each user into exposed values. User ids are strings, as in keys."""

    def __init__(
        self,
        saved: SavedUserSeries | None = None,
        before: "UserSeries | None" = None,
        totals: Mapping[Key, int] | None = None,
    ) -> None:
        """Continue with the users that have series of their own.

        Args:
            saved: The users as the archive has them. If it has none stored (None), totals of users are not
                exposed before the first call of `admit`.
            before: The object used until now, if the archive was replaced at runtime. The same users keep
                their series, and totals that are not archived continue.
            totals: The totals in the new archive.
        """
        own, kept = (saved.own, saved.kept) if saved else ({}, {})
        self._own: dict[str, dict[Key, int]] = {user: dict(base) for user, base in own.items()}
        self._kept: dict[str, dict[Key, int]] = {user: dict(counts) for user, counts in kept.items()}
        self._limit = None if saved is None else 0
        self._exclusion: Exclusion | None = None
        self._counted: dict[Key, int] = {}
        """The counts of users without series of their own, without what is `kept`."""
        self._users_counted: set[str] = set()
        self.others: dict[Key, int] = {}
        """The exposed sums for all users without series of their own."""
        self._unsaved = False
        if before is not None and before._limit is not None:
            self._limit = 0
            self._follow(before, totals or {})
        for base in self._own.values():
            self._add_to_others(base.items())

    def _follow(self, before: "UserSeries", totals: Mapping[Key, int]) -> None:
        """Keep the series of users, and the part of each count in `others` if the count is not archived."""

        def archived(counts: Mapping[Key, int]) -> dict[Key, int]:
            return {key: min(n, totals[key]) for key, n in counts.items() if key in totals}

        self._own = {user: archived(base) for user, base in before._own.items()}
        self._kept = {
            user: archived(counts) | {key: n for key, n in counts.items() if key[0] in NOT_ARCHIVED}
            for user, counts in before._kept.items()
        }
        self._unsaved = True
        for base in (before._counted, *before._own.values()):
            for key, n in base.items():
                if key[0] in NOT_ARCHIVED and key[1] in self._own:
                    self._own[key[1]][key] = n
                elif key[0] in NOT_ARCHIVED:
                    self._counted[key] = n
        self._add_to_others(self._counted.items())

    @property
    def own(self) -> Set[str]:
        """The users that have series of their own."""
        return self._own.keys()

    def exposed(self, counts: Iterable[tuple[Key, int]]) -> Iterator[tuple[Key, int]]:
        """Yield the exposed values that change with these counts."""
        for key, count in counts:
            user = key[1] if kind_of(key) == "user" else ""
            if not user:
                yield key, count
                continue
            self._users_counted.add(user)
            has_room = self._limit is not None and len(self._own) < self._limit
            if has_room and user not in self._own and user != OTHERS and not self._may_exclude(user):
                yield from self._give(user)
            if user in self._own:
                yield key, count - self._own[user].get(key, 0)
            else:
                in_others = count - self._kept.get(user, {}).get(key, 0)
                more = in_others - self._counted.get(key, 0)
                self._counted[key] = in_others
                if self._limit is not None:
                    yield self._add_to_others([(key, more)])[0]

    def withdraw(self, exclusion: Exclusion, totals: Totals) -> set[Subject]:
        """Take the series of users who are excluded by now out of the exposed `totals`.

        Returns the subjects of these series. The sums in `others` do not change.
        """
        users = [user for user in self._own if exclusion.excludes(int(user))]
        for user in users:
            self._counted.update(self._own.pop(user))
            self._kept[user] = dict(totals.remove(("user", user)))
            self._unsaved = True
        return {("user", user) for user in users}

    def admit(self, users: Iterable[str], limit: int, exclusion: Exclusion) -> list[tuple[Key, int]]:
        """Give series to these users, in this order, up to `limit`; return the exposed values that change.

        Other users with counts come next. Absent users without counts lose their series. Users who
        may be excluded get none, until the next call of this method.
        """
        self._exclusion = exclusion
        first, self._limit = self._limit is None, limit
        self._unsaved |= first
        users = list(users)
        present = set(users)
        for user in self._own.keys() - present - self._users_counted:
            del self._own[user]
            self._unsaved = True
        counted, self._counted = (self._counted, {}) if first else ({}, self._counted)
        by_id = sorted({key[1] for key in counted} - {OTHERS}, key=int)
        continued = list[tuple[Key, int]]()
        for user in (*users, *by_id):
            if len(self._own) >= limit:
                break
            if user not in self._own and not self._may_exclude(user):
                continued += self._give(user)
        return [*continued, *self.exposed(counted.items())]

    def take_unsaved(self) -> SavedUserSeries | None:
        """Return the users with series, or None if the archive already has them.

        They are saved even while all users have series, because the limit may be lower at the next start.
        """
        if not self._unsaved:
            return None
        self._unsaved = False
        return SavedUserSeries(_archived(self._own), _archived(self._kept))

    def not_saved(self) -> None:
        """Record that the users taken last were not saved."""
        self._unsaved = True

    def _may_exclude(self, user: str) -> bool:
        return self._exclusion is not None and self._exclusion.may_exclude(int(user))

    def _give(self, user: str) -> Iterable[tuple[Key, int]]:
        """Give a user series, and return the values with which these continue."""
        base = {key: count for key, count in self._counted.items() if key[1] == user}
        for key in base:
            del self._counted[key]
        self._own[user] = base
        self._unsaved = True
        return self._kept.pop(user, {}).items()

    def _add_to_others(self, counts: Iterable[tuple[Key, int]]) -> list[tuple[Key, int]]:
        changed = []
        for (family, _, *rest), more in counts:
            key = family, OTHERS, *rest
            self.others[key] = self.others.get(key, 0) + more
            changed.append((key, self.others[key]))
        return changed


def _archived(counts: Mapping[str, Mapping[Key, int]]) -> CountsByUser:
    return {
        user: tuple((key, count) for key, count in by_key.items() if key[0] not in NOT_ARCHIVED)
        for user, by_key in counts.items()
    }
