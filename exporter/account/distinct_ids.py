"""Count objects that are read again and again, each once."""

from cachetools import LRUCache

MAX_REMEMBERED = 10_000
"""Ids that are remembered; an object that is read again after as many others counts again."""


class Distinct:
    """How many different ids were added."""

    def __init__(self) -> None:
        self.count = 0
        self._ids: LRUCache[int, None] = LRUCache(MAX_REMEMBERED)

    def add(self, id_: int) -> bool:
        """Count an id unless it is remembered; return whether it was counted."""
        is_new = id_ not in self._ids
        self.count += is_new
        self._ids[id_] = None
        return is_new
