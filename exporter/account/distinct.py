"""Count objects that are read again and again, each once."""

from collections import OrderedDict

REMEMBERED = 10_000
"""Ids that are remembered; an object that is read again after as many others counts again."""


class Distinct:
    """How many different ids were added."""

    def __init__(self) -> None:
        self.count = 0
        self._ids: OrderedDict[int, None] = OrderedDict()

    def add(self, id_: int) -> None:
        """Count an id unless it is remembered."""
        if id_ in self._ids:
            self._ids.move_to_end(id_)
            return
        self.count += 1
        self._ids[id_] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
