"""Limit the users, numbers and teams of calls that have series of their own.

Calls may name users and numbers that are in no list. Beyond the limits, counters add calls up under `others`,
and the rows and the queue show them as calls without a user or number.
"""

from collections import Counter
from collections.abc import Container, Iterable
from itertools import filterfalse

from msgspec.structs import replace

from exporter.account.counter_totals import OTHERS, Key, Kind, kind_of
from exporter.account.reference_data import ReferenceData
from exporter.aircall.data_limits import MAX_IDENTITIES, MAX_PAIRS, MAX_UNLISTED, Limit
from exporter.aircall.models import Call


class _Ids:
    """The accepted ids of one kind. An accepted id stays, because a counter must not lose its series."""

    def __init__(self, limit: Limit, exceeded: Counter[Limit]) -> None:
        self._limit, self._exceeded = limit, exceeded
        self._ids: set[str] = set()
        self._unlisted: set[str] = set()
        """Those of the accepted ids that were in no list when they were last looked up."""
        self._looked_up_in = -1

    @property
    def accepted(self) -> frozenset[str]:
        """The accepted ids."""
        return frozenset(self._ids)

    def add(self, id_: str) -> None:
        """Accept an id that already has counters, whatever the limits are."""
        self._ids.add(id_)

    def accept(self, id_: str, version: int, *lists: Container[int]) -> bool:
        """Accept an id if it fits the limit, and return whether it is accepted.

        The limit is lower for ids that are in none of the `lists`, whose `version` increases. Calls may be
        read before the lists are, so ids that are listed by now no longer count towards that limit.
        """
        if id_ in self._ids:
            return True

        def listed(id_: str) -> bool:
            return not id_.isdecimal() or any(int(id_) in known for known in lists)

        is_listed = listed(id_)
        if not is_listed and len(self._unlisted) >= MAX_UNLISTED and version != self._looked_up_in:
            self._unlisted, self._looked_up_in = set(filterfalse(listed, self._unlisted)), version
        if len(self._ids) >= MAX_IDENTITIES or (not is_listed and len(self._unlisted) >= MAX_UNLISTED):
            self._exceeded[self._limit] += 1
            return False
        self._ids.add(id_)
        if not is_listed:
            self._unlisted.add(id_)
        return True


class Identities:
    """The users, numbers and teams with series of their own, and the pairs of users and numbers."""

    def __init__(self, lists: ReferenceData) -> None:
        """Accept ids with regard to these lists, in whose `limits` exceeded limits are counted."""
        self._lists, self._exceeded = lists, lists.limits
        self._users = _Ids("call_users", lists.limits)
        self._numbers = _Ids("call_numbers", lists.limits)
        self._teams = _Ids("counted_teams", lists.limits)
        self._pairs: set[tuple[str, str]] = set()

    def restore(self, keys: Iterable[Key]) -> None:
        """Accept all ids that have totals in the archive."""
        for key in keys:
            kind = kind_of(key)
            if kind is not None:
                {"user": self._users, "number": self._numbers, "team": self._teams}[kind].add(key[1])
            if key[0] == "calls":
                self._numbers.add(key[2])
                self._pairs.add((key[1], key[2]))

    def shown(self, call: Call) -> Call:
        """Return the call, without its user or number if these are beyond a limit."""
        user, number = call.user, call.number
        if user is not None and self._counted("user", str(user.id)) == OTHERS:
            user = None
        if number is not None and self._counted("number", str(number.id)) == OTHERS:
            number = None
        if user is call.user and number is call.number:
            return call
        return replace(call, user=user, number=number)

    def numbers(self) -> frozenset[str]:
        """Return the numbers with series of their own."""
        for number_id in self._lists.directory.numbers:
            self._counted("number", str(number_id))
        return self._numbers.accepted

    def key(self, key: Key) -> Key:
        """Return the key of a total, with `others` in place of ids that are beyond a limit."""
        kind = kind_of(key)
        if kind is None:
            return key
        family, id_, *rest = key
        id_ = self._counted(kind, id_)
        if family == "calls":
            rest[0] = self._with_user(id_, self._counted("number", rest[0]))
        return family, id_, *rest

    def _counted(self, kind: Kind, id_: str) -> str:
        """Return the id under which an object is counted. An empty id stays empty."""
        if id_ in ("", OTHERS):
            return id_
        directory = self._lists.directory
        ids: _Ids
        lists: tuple[Container[int], ...]
        match kind:  # what has a name was in a list, perhaps in an earlier run
            case "user":
                present = self._lists.presence.users
                ids, lists = self._users, (directory.users, present, directory.user_names)
            case "number":
                ids, lists = self._numbers, (directory.numbers, directory.number_names)
            case "team":
                ids, lists = self._teams, (directory.members, directory.team_names)
        return id_ if ids.accept(id_, directory.version, *lists) else OTHERS

    def _with_user(self, user: str, number: str) -> str:
        """Return the number under which a user's calls are counted."""
        pair = user, number
        if "" in pair or OTHERS in pair or pair in self._pairs:
            return number
        if len(self._pairs) >= MAX_PAIRS:
            self._exceeded["call_user_numbers"] += 1
            return OTHERS
        self._pairs.add(pair)
        return number
