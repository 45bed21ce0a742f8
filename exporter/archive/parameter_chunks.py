"""Split ids and keys for statements, because databases limit the number of parameters."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

MAX_PARAMETERS = 500


def chunks(items: Iterable[T], size: int = MAX_PARAMETERS) -> Iterator[list[T]]:
    """Yield the items in lists of up to `size`."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
