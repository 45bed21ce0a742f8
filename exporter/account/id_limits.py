"""Which users, numbers and teams of calls are told apart: as many as have room in memory and in series.

Calls name users and numbers by id, also such that are in no list. Beyond the limits, the counters add calls
up under `others`, and the rows and the queue show them as calls without a user or number.
"""

from collections import Counter
from collections.abc import Container, Iterable

from msgspec.structs import replace

from exporter.account.counter_totals import OTHERS, Key, Kind, kind_of
from exporter.account.reference_data import ReferenceData
from exporter.aircall.limits import MAX_IDENTITIES, MAX_PAIRS, MAX_UNLISTED, Limit
from exporter.aircall.models import Call


class _Ids:
    """The ids of one kind. A counter must not lose its series, so an id that was told apart stays so."""

    def __init__(self, limit: Limit, exceeded: Counter[Limit]) -> None:
        self._limit, self._exceeded = limit, exceeded
        self._ids: set[str] = set()
        self._unlisted = 0

    def add(self, id_: str) -> None:
        """Tell an id apart that has counters already, whatever the limits are."""
        self._ids.add(id_)

    def has_room(self, id_: str, *lists: Container[int]) -> bool:
        """Return whether an id is told apart, from now on if there is room.

        There is less room for ids that are in none of the `lists`.
        """
        if id_ in self._ids:
            return True
        listed = not id_.isdecimal() or any(int(id_) in known for known in lists)
        if len(self._ids) >= MAX_IDENTITIES or (not listed and self._unlisted >= MAX_UNLISTED):
            self._exceeded[self._limit] += 1
            return False
        self._ids.add(id_)
        self._unlisted += not listed
        return True


class Identities:
    """The users, numbers and teams that are told apart, and the pairs of users and numbers."""

    def __init__(self, lists: ReferenceData) -> None:
        """Count in the `limits` of these lists what is beyond a limit."""
        self._lists, self._exceeded = lists, lists.limits
        self._users = _Ids("call_users", lists.limits)
        self._numbers = _Ids("call_numbers", lists.limits)
        self._teams = _Ids("counted_teams", lists.limits)
        self._pairs: set[tuple[str, str]] = set()

    def restore(self, keys: Iterable[Key]) -> None:
        """Tell apart whatever has totals in the archive."""
        for key in keys:
            kind = kind_of(key)
            if kind is not None:
                {"user": self._users, "number": self._numbers, "team": self._teams}[kind].add(key[1])
            if key[0] == "calls":
                self._numbers.add(key[2])
                self._pairs.add((key[1], key[2]))

    def shown(self, call: Call) -> Call:
        """Return the call, without its user or number if there is no room for them."""
        user, number = call.user, call.number
        if user is not None and self._counted("user", str(user.id)) == OTHERS:
            user = None
        if number is not None and self._counted("number", str(number.id)) == OTHERS:
            number = None
        if user is call.user and number is call.number:
            return call
        return replace(call, user=user, number=number)

    def key(self, key: Key) -> Key:
        """Return the key of a total, with `others` in place of ids for which there is no room."""
        kind = kind_of(key)
        if kind is None:
            return key
        family, id_, *rest = key
        id_ = self._counted(kind, id_)
        if family == "calls":
            rest[0] = self._with_user(id_, self._counted("number", rest[0]))
        return family, id_, *rest

    def _counted(self, kind: Kind, id_: str) -> str:
        """Return the id that an object is counted by; empty stays empty."""
        if id_ in ("", OTHERS):
            return id_
        match kind:
            case "user":
                room = self._users.has_room(id_, self._lists.directory.users, self._lists.presence.users)
            case "number":
                room = self._numbers.has_room(id_, self._lists.directory.numbers)
            case "team":
                room = self._teams.has_room(id_, self._lists.directory.members)
        return id_ if room else OTHERS

    def _with_user(self, user: str, number: str) -> str:
        """Return the number that a user's calls are counted by."""
        pair = user, number
        if "" in pair or OTHERS in pair or pair in self._pairs:
            return number
        if len(self._pairs) >= MAX_PAIRS:
            self._exceeded["call_user_numbers"] += 1
            return OTHERS
        self._pairs.add(pair)
        return number
