"""Detect removed objects from lists that may be temporarily wrong."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.models import Page

T = TypeVar("T")
Pair = tuple[int, int]
"""A team or number, and one of its users."""

CONFIRMATION_S = 300.0
"""Seconds for which lists must leave out many objects before their removal is believed."""

MAX_AT_ONCE = 10
"""Objects (or a quarter of the list, if that is fewer) that may be removed at once without confirmation."""


def is_bulk(missing: int, known: int) -> bool:
    """Return whether a list that leaves out `missing` of `known` objects is probably wrong."""
    return missing > max(1, min(MAX_AT_ONCE, known // 4)) or 0 < missing == known


@dataclass
class Listed:
    """The ids of all objects of a list, collected page by page.

    `at` is when the last page was requested (UNIX seconds, our clock).
    """

    ids: set[int] = field(default_factory=set)
    at: float = 0.0
    malformed: int = 0
    """The objects that could not be decoded."""
    _objects: int = 0
    _total: int | None = None
    _ended_empty: bool = False

    def add(self, page: Page[Any], at: float) -> None:
        """Add a page. Raises InvalidResponseError if it is empty although `meta.total` promises more."""
        objects = page.objects
        self._ended_empty = not objects and self._objects > 0
        if not objects and page.total is not None and page.total > self._objects:
            raise InvalidResponseError(
                f"the page is empty, but its meta.total is {page.total}, and {self._objects} were read before"
            )
        self.ids |= page.ids
        self.malformed += page.malformed
        self.at, self._objects, self._total = at, self._objects + objects, page.total

    @property
    def short(self) -> bool:
        """Whether the list held fewer objects than its `meta.total`, or a link led to an empty page."""
        return self._ended_empty or (self._total is not None and self._objects < self._total)


class RemovalDetector(Generic[T]):
    """Compares each list with the ones before it.

    An object that is missing once may still exist, because a list that changes while its pages are fetched
    skips objects. An object that is missing in two lists in a row was removed. If many objects are missing at
    once, they count as removed only after they have been missing for `CONFIRMATION_S`.
    """

    def __init__(self, twice: bool = True) -> None:
        """Compare lists. Without `twice`, a few objects count as removed once one list leaves them out."""
        self.missing_once: Set[T] = frozenset()
        """Objects missing in the last list, which are removed if they are missing in the next one too."""
        self.unconfirmed = 0
        """The number of objects missing in the last list, if they are too many to be believed yet."""
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
        """Compare a new list with the known objects, and return the removed ones.

        Args:
            known: The objects known before.
            listed: The objects in the list.
            at: When the list was fetched (UNIX seconds, our clock).
            short: Whether the list holds fewer objects than its `meta.total`. Then missing objects are
                believed only after `CONFIRMATION_S`.
            suspicious: Whether to treat the list like one in which many objects are missing.
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

    A few users count as removed once a list leaves them out. Many at once, or all of a team or number, count
    as removed only after `CONFIRMATION_S`.
    """

    def __init__(self) -> None:
        self._detector = RemovalDetector[Pair](twice=False)

    @property
    def unconfirmed(self) -> int:
        """The number of users missing in the last list, if they are too many to be believed yet."""
        return self._detector.unconfirmed

    def merged(
        self, known: Mapping[int, Set[int]], listed: Mapping[int, Set[int]], at: float
    ) -> dict[int, frozenset[int]]:
        """Return the users of all `listed` teams or numbers: listed users, and known ones not removed.

        The list was fetched `at` (UNIX seconds, our clock).
        """
        before = {id_: known.get(id_, frozenset()) for id_ in listed}
        emptied = any(len(users) > 1 and not listed[id_] for id_, users in before.items())
        left = self._detector.confirm(_pairs(before), _pairs(listed), at, suspicious=emptied)
        merged = {id_: set(listed[id_] | users) for id_, users in before.items()}
        for id_, user_id in left:
            merged[id_].discard(user_id)
        return {id_: frozenset(users) for id_, users in merged.items()}


def _pairs(users: Mapping[int, Set[int]]) -> Set[Pair]:
    return {(id_, user_id) for id_, user_ids in users.items() for user_id in user_ids}
