"""Queue items fairly: no client can fill the queue for others, and a flood does not hide a single item."""

import random
from collections.abc import Callable, Hashable
from itertools import count
from typing import Generic, TypeVar

from cachetools import TTLCache

MAX_REMEMBERED = 20_000
"""Items whose first arrival is remembered after they have left the queue."""

REMEMBERED_SECONDS = 120.0
"""Time for which it is remembered. A client that gave up comes back with its next scrape."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class FairQueue(Generic[K]):
    """Items by client. Clients take turns; the order within a client makes it expensive to starve an item.

    A client with many items is a flood, or many clients behind one proxy. It is unknown which item is
    legitimate, but such an item comes once, without others like it, and again unchanged if it is not served.
    So every second item taken is the one that came back and first arrived longest ago, of all clients. A
    client that gives up before its turn keeps its place.

    The others are new items. In each round every client has one turn. Clients that guess have arrived before
    one that arrives now. So the newest client that still has its turn is chosen with probability 1/2, the one
    before with 1/4, and so on. A client that gives up and returns is not newer than before. Items of one
    client are chosen in the same way, as those of a flood are older: they wait for each other's results.
    """

    def __init__(self, flip: Callable[[], bool] = lambda: random.getrandbits(1) == 1) -> None:
        """Create an empty queue; `flip` returns True with probability 1/2."""
        self._flip = flip
        self._clients: dict[str, dict[K, bool]] = {}
        """By client: items, newest last, and whether they have come back."""
        self._first_arrivals: TTLCache[K, int] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)
        self._turns: TTLCache[str, tuple[int, int]] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)
        """By client: the round of its next turn, and its arrival as a number from `_numbers`."""
        self._round = 0
        self._numbers = count()
        self._returned_next = True

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def add(self, client: str, item: K) -> None:
        """Add an item that is not in the queue."""
        returned = item in self._first_arrivals
        if not returned:
            self._first_arrivals[item] = next(self._numbers)
        if client not in self._clients:
            self._turns[client] = self._turn(client)
        self._clients.setdefault(client, {})[item] = returned

    def withdraw(self, client: str, item: K) -> None:
        """Remove an item for which no client waits. The time of its first arrival is remembered."""
        items = self._clients.get(client, {})
        items.pop(item, None)
        if not items:
            self._clients.pop(client, None)

    def take(self) -> K:
        """Remove the next item and return it. Raises IndexError if the queue is empty."""
        if not self._clients:
            raise IndexError("the queue is empty")
        self._returned_next = not self._returned_next
        client, item = (None if self._returned_next else self._oldest_returned()) or self._new()
        self.withdraw(client, item)
        self._first_arrivals.pop(item, None)
        self._turns[client] = (self._turn(client)[0] + 1, next(self._numbers))
        return item

    def _turn(self, client: str) -> tuple[int, int]:
        """Return the next turn of a client: in this round, as the newest, unless it has one already."""
        turn = self._turns.get(client)
        return turn if turn and turn[0] >= self._round else (self._round, next(self._numbers))

    def _oldest_returned(self) -> tuple[str, K] | None:
        """Return the item that has come back and first arrived the longest ago, of all clients."""
        returned = [
            (client, item) for client, items in self._clients.items() for item in items if items[item]
        ]
        return min(returned, key=lambda each: self._first_arrivals.get(each[1], 0), default=None)

    def _new(self) -> tuple[str, K]:
        """Return an item of a client that has its turn in this round."""
        turns = {client: self._turn(client) for client in self._clients}
        self._round = min(number for number, _ in turns.values())
        clients = [client for client, (number, _) in turns.items() if number == self._round]
        client = self._recent(sorted(clients, key=lambda each: turns[each][1]))
        return client, self._recent(list(self._clients[client]))

    def _recent(self, values: list[T]) -> T:
        """Return the last value with probability 1/2, the one before with 1/4, and so on."""
        return next((value for value in reversed(values) if self._flip()), values[0])
