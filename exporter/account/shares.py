"""Decide which users' counters have series of their own, and add up the rest under `others`.

A counter must never decrease, nor count again what another series has counted. So a user who has series keeps
them, also after leaving and if the limit is lowered. Calls counted under `others` stay there when the user
gets series, which then begin at 0.
"""

from collections.abc import Iterable, Iterator, Mapping, Set

from exporter.account.counter_totals import NOT_ARCHIVED, OTHERS, Key, kind_of

Own = Mapping[str, tuple[tuple[Key, int], ...]]
"""The counts that stay in `others` because they are from before, by the id of each user with series."""


class Shares:
    """Turns the totals of each user into exposed values. User ids are strings, as in keys."""

    def __init__(
        self, own: Own | None = None, before: "Shares | None" = None, totals: Mapping[Key, int] | None = None
    ) -> None:
        """Continue with the users that have series of their own.

        Args:
            own: The users as the archive has them. If it has none stored (None), totals of users are not
                exposed before the first call of `admit`.
            before: The object used until now, if the archive was replaced at runtime. Its users keep their
                series, and totals that are not archived continue.
            totals: The totals in the new archive.
        """
        self._own: dict[str, dict[Key, int]] = {user: dict(base) for user, base in (own or {}).items()}
        self._limit = None if own is None else 0
        self._counted: dict[Key, int] = {}
        """The counts of users without series of their own."""
        self._users_counted: set[str] = set()
        self.others: dict[Key, int] = {}
        """The exposed sums for all users without series of their own."""
        self._unsaved = False
        if before is not None and before._limit is not None:
            self._limit = 0
            self._follow(before, totals or {})
        for base in self._own.values():
            self._add_to_others(base.items())

    def _follow(self, before: "Shares", totals: Mapping[Key, int]) -> None:
        """Keep the series of users, and the part of each count in `others` if the count is not archived."""
        for user in before._own.keys() - self._own.keys():
            archived = {key: n for key, n in before._own[user].items() if key in totals}
            self._own[user] = {key: min(n, totals[key]) for key, n in archived.items()}
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
            if has_room and user not in self._own and user != OTHERS:
                self._give(user)
            if user in self._own:
                yield key, count - self._own[user].get(key, 0)
            else:
                more = count - self._counted.get(key, 0)
                self._counted[key] = count
                if self._limit is not None:
                    yield self._add_to_others([(key, more)])[0]

    def admit(self, users: Iterable[str], limit: int) -> list[tuple[Key, int]]:
        """Give series to these users, in this order, up to `limit`; return the exposed values that change.

        Other users with counts come next. Absent users without counts lose their series.
        """
        first, self._limit = self._limit is None, limit
        users = list(users)
        present = set(users)
        for user in self._own.keys() - present - self._users_counted:
            del self._own[user]
            self._unsaved = True
        counted, self._counted = (self._counted, {}) if first else ({}, self._counted)
        by_id = sorted({key[1] for key in counted} - {OTHERS}, key=int)
        for user in (*users, *by_id):
            if len(self._own) >= limit:
                break
            if user not in self._own:
                self._give(user)
        return list(self.exposed(counted.items()))

    def take_unsaved(self) -> Own | None:
        """Return the users with series, or None if the archive already has them.

        They are saved even while all users have series, because the limit may be lower at the next start.
        """
        if not self._unsaved:
            return None
        self._unsaved = False
        return {
            user: tuple((key, count) for key, count in base.items() if key[0] not in NOT_ARCHIVED)
            for user, base in self._own.items()
        }

    def not_saved(self) -> None:
        """Record that the users taken last were not saved."""
        self._unsaved = True

    def _give(self, user: str) -> None:
        base = {key: count for key, count in self._counted.items() if key[1] == user}
        for key in base:
            del self._counted[key]
        self._own[user] = base
        self._unsaved = True

    def _add_to_others(self, counts: Iterable[tuple[Key, int]]) -> list[tuple[Key, int]]:
        changed = []
        for (family, _, *rest), more in counts:
            key = family, OTHERS, *rest
            self.others[key] = self.others.get(key, 0) + more
            changed.append((key, self.others[key]))
        return changed
