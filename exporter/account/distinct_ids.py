"""Count objects that are fetched repeatedly, each once."""

from cachetools import LRUCache

MAX_REMEMBERED = 10_000
"""Ids that are remembered. An object that is added again after this many others counts again."""


class Distinct:
    """Counts the different ids that were added."""

    def __init__(self) -> None:
        self.count = 0
        self._ids: LRUCache[int, None] = LRUCache(MAX_REMEMBERED)

    def add(self, id_: int) -> bool:
        """Count an id unless it is remembered; return whether it was counted."""
        is_new = id_ not in self._ids
        self.count += is_new
        self._ids[id_] = None
        return is_new
