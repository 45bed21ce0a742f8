"""Find an address of a host that works: name lookups with a timeout, and the order of the addresses."""

import itertools
import socket
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from urllib3.util import connection as sockets

Addresses = list[tuple[Any, ...]]
"""What `socket.getaddrinfo` returns."""

T = TypeVar("T", bound=Hashable)


class Lookups:
    """Resolves host names with a timeout.

    A name lookup cannot be interrupted, so it runs in a thread. Lookups of the same name share one thread, so
    a resolver that hangs blocks only one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Future[Addresses]] = {}

    def find(self, host: str, port: int, seconds: float) -> Addresses:
        """Return the addresses of a host.

        Raises TimeoutError after `seconds`, and the exceptions of `socket.getaddrinfo`.
        """
        key = host, port
        with self._lock:
            lookup = self._running.get(key)
            if lookup is None:
                lookup = self._running[key] = Future()
                thread = threading.Thread(target=self._run, args=(key, lookup), name="lookup", daemon=True)
                try:
                    thread.start()
                except BaseException:
                    del self._running[key]
                    raise
        return lookup.result(max(0.0, seconds))

    def _run(self, key: tuple[str, int], lookup: Future[Addresses]) -> None:
        try:
            found = socket.getaddrinfo(*key, sockets.allowed_gai_family(), socket.SOCK_STREAM)
        except BaseException as error:  # raised again in the waiting request
            with self._lock:
                del self._running[key]
            lookup.set_exception(error)
        else:
            with self._lock:
                del self._running[key]
            lookup.set_result(found)


class AddressOrder:
    """Decides in which order the addresses of a host are tried.

    The address that answered last comes first. Addresses that were tried since their last answer come last.
    Several threads may use the same order, for example if their requests go through one proxy.
    """

    def __init__(self) -> None:
        self._ranks: dict[Hashable, dict[Hashable, int]] = {}
        """For each host, the ranks of its addresses: negative after an answer, positive after a try."""
        self._steps = itertools.count(1)

    def sorted(self, host: Hashable, addresses: Iterable[T]) -> list[T]:
        """Return the addresses of a host in order, each once. The ranks of all others are forgotten."""
        found, ranks = dict.fromkeys(addresses), dict(self._ranks.get(host, {}))
        self._ranks[host] = {each: rank for each, rank in ranks.items() if each in found}
        return sorted(found, key=lambda each: ranks.get(each, 0))

    def tried(self, host: Hashable, address: Hashable) -> None:
        """Record that a request is sent to this address."""
        self._ranks.setdefault(host, {})[address] = next(self._steps)

    def answered(self, host: Hashable, address: Hashable) -> None:
        """Record that this address has answered."""
        self._ranks.setdefault(host, {})[address] = -next(self._steps)


def first_that_connects(
    addresses: Sequence[T],
    connect: Callable[[T, float], socket.socket],
    remaining: Callable[[], float],
    longest: float,
) -> socket.socket:
    """Try one address after the other, and return the first connection.

    Each address has an equal share of the remaining seconds, and at most `longest`, so the last one is always
    tried. Raises the OSError of the last address that was tried.
    """
    problem = OSError("the name has no address")
    for tried, address in enumerate(addresses):
        share = remaining() / (len(addresses) - tried)
        if share <= 0:
            break
        try:
            return connect(address, max(0.001, min(longest, share)))
        except OSError as error:
            problem = error
    raise problem
