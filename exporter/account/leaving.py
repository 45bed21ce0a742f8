"""Who has left, told from lists that may be wrong once."""

from collections.abc import Set


class Leaving:
    """Compares a list with what is known of the ones before it.

    Whoever is left out once may be there all the same: a list that changes while it is read, page by page,
    skips somebody. Whoever is left out twice running has left.
    """

    def __init__(self) -> None:
        self.in_doubt: Set[int] = frozenset()
        """Who was left out by the last list, and not by the one before."""

    def left(self, known: Set[int], listed: Set[int]) -> Set[int]:
        """Who of the `known` has left, given everybody who is `listed` now."""
        missing = known - listed
        left = missing & self.in_doubt
        self.in_doubt = missing - left
        return left
