"""Which objects have left, decided from lists that may be wrong for a while."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.models import Page

T = TypeVar("T")
Pair = tuple[int, int]
"""A team or number, and one of its users."""

CONFIRMATION_S = 300.0
"""Seconds for which lists must leave out many objects at once before that is believed."""

MAX_AT_ONCE = 10
"""Objects, or a quarter of a list if that is fewer, that may leave at once without being confirmed."""


def is_bulk(missing: int, known: int) -> bool:
    """Return whether a list that leaves out `missing` of `known` objects is more likely to be wrong."""
    return missing > max(1, min(MAX_AT_ONCE, known // 4)) or 0 < missing == known


@dataclass
class Listed:
    """The ids of all objects of a list, as its pages are read; `at` is when (UNIX seconds, our clock)."""

    ids: set[int] = field(default_factory=set)
    at: float = 0.0
    _objects: int = 0
    _total: int | None = None
    _ended_empty: bool = False

    def add(self, page: Page[Any], at: float) -> None:
        """Add a page. Raises InvalidAnswerError if it is empty although it says that the list has more."""
        objects = page.objects
        self._ended_empty = not objects and self._objects > 0
        if not objects and page.total is not None and page.total > self._objects:
            raise InvalidResponseError(
                f"the page is empty, but its meta.total is {page.total}, and {self._objects} were read before"
            )
        self.ids |= page.ids
        self.at, self._objects, self._total = at, self._objects + objects, page.total

    @property
    def short(self) -> bool:
        """Whether the list held fewer objects than it said, or a link led to a page without any."""
        return self._ended_empty or (self._total is not None and self._objects < self._total)


class RemovalDetector(Generic[T]):
    """Compares each list with the ones before it.

    An object that is left out once may still exist: a list that changes while it is read, page by page, skips
    objects. An object that is left out by two lists in a row has left. If a list leaves out many objects at
    once, they have left only after lists have left them out for `CONFIRMED` seconds.
    """

    def __init__(self, twice: bool = True) -> None:
        """Compare lists; without `twice`, a few objects have left as soon as one list leaves them out."""
        self.missing_once: Set[T] = frozenset()
        """The objects that the last list left out, and that leave if the next one does so too."""
        self.unconfirmed = 0
        """How many objects the last list left out, if they are too many to be believed yet."""
        self._twice = twice
        self._missing_since: dict[T, float] = {}

    def confirm(
        self,
        known: Set[T],
        listed: Set[T],
        at: float,
        *,
        short: bool = False,
        suspicious: bool = False,
    ) -> Set[T]:
        """Return which of the `known` objects have left, given those `listed` at `at` (seconds, our clock).

        A list that is `short` holds fewer objects than it says: what it leaves out is believed later. A list
        that is `suspicious` is treated as one that leaves out many.
        """
        missing = known - listed
        self._missing_since = {item: self._missing_since.get(item, at) for item in missing}
        left = {item for item, since in self._missing_since.items() if at - since >= CONFIRMATION_S}
        rest = missing - left
        unbelievable = bool(rest) and (suspicious or is_bulk(len(rest), len(known) - len(left)))
        self.unconfirmed = len(rest) if unbelievable else 0
        few = rest & self.missing_once if self._twice else rest
        if unbelievable or short:
            few = frozenset()
        left |= few
        self.missing_once = frozenset() if unbelievable else rest - few
        for item in left:
            del self._missing_since[item]
        return left


class Memberships:
    """The users of teams or of numbers, from one list of them to the next.

    A few users have left as soon as a list leaves them out. Many at once, or all of a team or number, have
    left only after `CONFIRMED` seconds.
    """

    def __init__(self) -> None:
        self._leaving = RemovalDetector[Pair](twice=False)

    @property
    def unconfirmed(self) -> int:
        """How many users the last list left out, if they are too many to be believed yet."""
        return self._leaving.unconfirmed

    def merged(
        self, known: Mapping[int, Set[int]], listed: Mapping[int, Set[int]], at: float
    ) -> dict[int, frozenset[int]]:
        """Return the users of everything `listed` at `at` (seconds, our clock): those listed, and those
        `known` before who have not left."""
        before = {id_: known.get(id_, frozenset()) for id_ in listed}
        emptied = any(len(users) > 1 and not listed[id_] for id_, users in before.items())
        left = self._leaving.confirm(_pairs(before), _pairs(listed), at, suspicious=emptied)
        merged = {id_: set(listed[id_] | users) for id_, users in before.items()}
        for id_, user_id in left:
            merged[id_].discard(user_id)
        return {id_: frozenset(users) for id_, users in merged.items()}


def _pairs(users: Mapping[int, Set[int]]) -> Set[Pair]:
    return {(id_, user_id) for id_, user_ids in users.items() for user_id in user_ids}
