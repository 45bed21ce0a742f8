"""Break off connections to PostgreSQL that give no answer.

A proxy may keep a connection open although its own one to the server is dead. Then neither TCP nor the driver
ends the wait for an answer.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, Engine, event

_open: "WeakKeyDictionary[Engine, WeakSet[Any]]" = WeakKeyDictionary()
"""The driver's connections of each engine."""


def remember(engine: Engine) -> None:
    """Remember all connections that `engine` will open, for `break_off`."""
    connections = _open[engine] = WeakSet()
    event.listen(engine, "connect", lambda connection, _: connections.add(connection))


def break_off(engine: Engine) -> None:
    """Break off all connections of an engine. May be called by any thread: those that wait get an error."""
    for connection in list(_open.get(engine, ())):
        with suppress(Exception), closing(_socket_of(connection)) as watched:  # it may be closed meanwhile
            _shut_down(watched)


@contextmanager
def answers_within(connection: Connection, seconds: float) -> Iterator[None]:
    """Break a connection off if the block takes longer than `seconds`."""
    with closing(_socket_of(connection.connection.driver_connection)) as watched:
        timer = threading.Timer(seconds, _shut_down, [watched])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _socket_of(connection: Any) -> socket.socket:
    """Return a duplicate of the socket of a driver's connection."""
    return socket.socket(fileno=os.dup(connection.fileno()))


def _shut_down(watched: socket.socket) -> None:
    with suppress(OSError):  # closed meanwhile
        watched.shutdown(socket.SHUT_RDWR)
