"""Limits for data from Aircall. Data beyond a limit is cut or left out, and counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_args

import msgspec

Limit = Literal[
    "pages",
    "page_items",
    "text_length",
    "tags",
    "comments",
    "users",
    "teams",
    "numbers",
    "members",
    "memberships",
    "assignments",
    "names",
    "calls",
    "calls_today",
    "call_backs",
    "missed_call_reasons",
    "substatuses",
    "availability_words",
    "calls_waiting_for_teams",
    "call_users",
    "call_numbers",
    "call_user_numbers",
    "counted_teams",
    "substatus_users",
    "call_events",
    "events",
    "call_steps",
    "field_names",
    "times_in_state",
]
LIMITS: tuple[Limit, ...] = get_args(Limit)

MAX_PAGES = 2000
"""Maximum number of pages of one query. The other limits are maximums, too."""

MAX_OBJECTS = 25_000
"""Objects of one list: users, teams, numbers or availabilities; also the users of one team or number."""

MAX_PAGE_ITEMS = 500
"""Objects of one page; Aircall's pages hold 50 at most."""

MAX_MEMBERSHIPS = 50_000
"""Memberships of all teams together; each has about 50 series."""

MAX_ASSIGNMENTS = 500_000
"""Users of all numbers together."""

MAX_NAMES = 100_000
"""Users, teams and numbers whose names are remembered, of each kind."""

MAX_CALLS = 300_000
"""Calls in memory: those of the last two hours, or of the activity period."""

MAX_CALL_EVENTS = 1000
"""Events of one call that are kept until it is added up; a usual call has about ten."""

MAX_EVENTS = 500_000
"""Events of all these calls together, about 250 bytes each."""

MAX_CALLS_TODAY = 500_000
"""Done calls of the day in memory. A day with more has no figures."""

MAX_CALL_BACKS = 200_000
"""Missed calls in memory of callers who are to be called back. Metrics leave out more than that."""

MAX_IDENTITIES = 25_000
"""Users, numbers and teams with counters, of each kind: as many as a list may hold."""

MAX_UNLISTED = 2000
"""Users, and numbers, that are named by calls since the start, but by no list."""

MAX_PAIRS = 200_000
"""Pairs of a user and a number with counters of their own."""

MAX_WORDS = 50
"""Different missed-call reasons, substatuses, unknown availabilities or unknown fields, in addition to the
known ones; later ones are `other`."""

MAX_TAGS = 100
MAX_COMMENTS = 200
"""Tags and comments of one call."""

MAX_LINK_LENGTH = 4000
"""Characters of a link. A longer one is left out, because a cut link does not work."""

MAX_TAG_LENGTH = 500
"""Characters of a tag, which is stored in the archive and is not a label."""

MAX_TEXT_LENGTH = 200
"""Characters of a name, or of any other text without a limit of its own."""

_LONGEST = {
    "content": 10_000,
    "email": 320,
    "missed_call_reason": 100,
    "availability": 100,
    "substatus": 100,
    "raw_digits": 100,
}
_LINKS = frozenset({"asset", "recording", "voicemail"})

T = TypeVar("T")


def truncated(item: T, exceeded: Counter[Limit], longest: int = MAX_TEXT_LENGTH) -> T:
    """Return the object with its texts cut to their limits; count the cut ones in `exceeded`.

    Texts without a limit of their own are cut to `longest`.
    """
    changes = {}
    kind: Any = type(item)
    for name in _fields(kind):
        value = getattr(item, name)
        if type(value) is str and len(value) > MAX_TEXT_LENGTH // 2:
            cut = _cut(name, value, exceeded, longest)
            if cut is not value:
                changes[name] = cut
    return msgspec.structs.replace(item, **changes) if changes else item  # type: ignore[type-var]


def first(items: Sequence[T], most: int, limit: Limit, exceeded: Counter[Limit]) -> Sequence[T]:
    """Return the first `most` items; count in `exceeded` if there are more."""
    if len(items) <= most:
        return items
    exceeded[limit] += 1
    return items[:most]


@lru_cache
def _fields(kind: type) -> tuple[str, ...]:
    return getattr(kind, "__struct_fields__", ())


def _cut(name: str, text: str, exceeded: Counter[Limit], otherwise: int) -> Any:
    longest = MAX_LINK_LENGTH if name in _LINKS else _LONGEST.get(name, otherwise)
    if len(text) <= longest:
        return text
    exceeded["text_length"] += 1
    return None if name in _LINKS else text[:longest]


def fit_into(
    listed: Mapping[int, frozenset[int]], most: int, limit: Limit, exceeded: Counter[Limit]
) -> dict[int, frozenset[int]]:
    """Return the users of teams or numbers, at most `most` in total; count exceeded limits in `exceeded`."""
    room, accepted = most, {}
    for id_, users in listed.items():
        accepted[id_] = users if len(users) <= room else frozenset(sorted(users)[:room])
        exceeded[limit] += len(users) > room
        room -= len(accepted[id_])
    return accepted


class Words:
    """The different words of a kind, such as missed reasons, that have series of their own."""

    def __init__(self, limit: Limit, known: Iterable[str]) -> None:
        """Accept the `known` words and the first `MAX_WORDS` others; `limit` counts the rest."""
        self._limit = limit
        self._words = set(known)
        self._most = len(self._words) + MAX_WORDS

    def add(self, words: Iterable[str]) -> None:
        """Accept these words, whatever the limit is."""
        self._words.update(words)

    def word(self, word: str, exceeded: Counter[Limit]) -> str:
        """Return the word, or `other` if it is beyond the limit, which is counted in `exceeded`."""
        if word not in self._words:
            if len(self._words) >= self._most:
                exceeded[self._limit] += 1
                return OTHER_WORD
            self._words.add(word)
        return word


OTHER_WORD = "other"
"""Replaces words beyond the limit."""
