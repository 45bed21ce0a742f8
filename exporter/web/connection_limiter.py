"""Limit the number of connections, and choose the ones to close.

No client without a valid credential costs an authenticated client its connection, and no network with many
connections costs another network its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Protocol, TypeVar

MAX_CONNECTIONS = 256
"""Connections at a time. A further one closes another."""

MAX_AUTHENTICATED = 192
"""Authenticated connections at a time. A further one closes another of them, so that there is always room
for clients that are not authenticated yet."""

MAX_UNFINISHED = 64
"""Connections with an incomplete request. A further one closes one of them."""

MAX_UNSENT_BYTES = 64 * 2**20
"""Bytes of responses that clients have not received yet. Beyond it, connections are closed."""


class LimitedConnection(Protocol):
    """A connection, as far as the limits are concerned."""

    @property
    def network(self) -> str:
        """The network of the client, from `client_network`."""

    @property
    def authenticated(self) -> bool:
        """Whether the last answered request, or the one in progress, was authenticated."""

    @property
    def standing(self) -> int:
        """Of the connections of a network, those with the lowest standing are closed first."""

    @property
    def unfinished(self) -> bool:
        """Whether only part of a request has arrived."""

    @property
    def unsent(self) -> int:
        """Bytes of responses that the client has not received yet."""

    def abort(self) -> None:
        """Close the connection at once, and leave the limiter."""


C = TypeVar("C", bound=LimitedConnection)


def first_to_close(connections: Iterable[C], weight: Callable[[C], int] | None = None) -> C:
    """Return the connection to close first.

    It is one that is not authenticated, if there is any. Of these it is one of the network with the most
    connections (or the largest sum of `weight`), and of these the first one with the lowest standing.
    """
    connections = list(connections)
    candidates = [each for each in connections if not each.authenticated] or connections
    weights: Counter[str] = Counter()
    for each in candidates:
        weights[each.network] += weight(each) if weight else 1
    most = max(weights.values())
    return min((each for each in candidates if weights[each.network] == most), key=attrgetter("standing"))


class ConnectionLimiter:
    """All connections, in the order in which they were accepted or last answered."""

    def __init__(self) -> None:
        self._connections: dict[LimitedConnection, None] = {}
        self._unfinished: dict[LimitedConnection, None] = {}

    def enter(self, connection: LimitedConnection) -> None:
        """Add a connection, or move one that was just answered to the end."""
        self._connections.pop(connection, None)
        others = list(self._connections)
        self._connections[connection] = None
        if len(others) >= MAX_CONNECTIONS:
            has_room = connection.authenticated or not all(each.authenticated for each in others)
            (first_to_close(others) if has_room else connection).abort()
        elif connection.authenticated:
            authenticated = [each for each in others if each.authenticated]
            if len(authenticated) >= MAX_AUTHENTICATED:
                first_to_close(authenticated).abort()

    def leave(self, connection: LimitedConnection) -> None:
        """Remove a connection that was closed."""
        self._connections.pop(connection, None)
        self._unfinished.pop(connection, None)

    def data_arrived(self, connection: LimitedConnection) -> None:
        """Update whether the request of a connection is complete."""
        if not connection.unfinished:
            self._unfinished.pop(connection, None)
        elif connection in self._connections:
            self._unfinished.setdefault(connection)
            if len(self._unfinished) > MAX_UNFINISHED:
                first_to_close(self._unfinished).abort()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            connection.abort()

    def limit_unsent(self) -> None:
        """Close connections that receive their responses slowly, while too many bytes are unsent."""
        unsent = {each: each.unsent for each in self._connections if each.unsent}
        while sum(unsent.values()) > MAX_UNSENT_BYTES:
            slow = first_to_close(unsent, lambda each: unsent[each])
            del unsent[slow]
            slow.abort()
