"""Keep objects that have not changed, so that what was derived from them stays valid and is not copied."""

from collections.abc import Mapping, Set
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def reuse_if_equal(before: T | None, now: T) -> T:
    """Return `before` if it equals `now`. The rendered lines of a row are cached by identity."""
    return before if before is not None and before == now else now


def only(rows: Mapping[K, T], ids: Set[K]) -> dict[K, T]:
    """Return the rows of these ids."""
    return {id_: row for id_, row in rows.items() if id_ in ids}
