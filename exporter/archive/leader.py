"""Which of several exporters on one PostgreSQL archive polls: the one whose session holds the lock.

The lock is the session's, and only that session writes: who has lost the one cannot do the other. And who has
it again after another had it notices by that one's name.
"""

from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect, text

from exporter.archive import state
from exporter.archive.database import ArchiveError, TakenError
from exporter.archive.schema import state as notes

LOCK = (0x41697263, 1)
"""The key of the advisory lock, `Airc` and a number; PostgreSQL tells the locks of two databases apart."""

NOTICED = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
"""Has PostgreSQL end within 20 s the session of a machine that is gone without a word."""

_IS_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND (classid, objid) = (:kind, :number))"
).bindparams(kind=LOCK[0], number=LOCK[1])
_NAME = "leader"


class Vacancy(Enum):
    """Who has the lock: somebody, or nobody since it was lost, left, or ever."""

    HELD = auto()
    LOST = auto()
    LEFT = auto()
    NEVER_HELD = auto()


def lock_with_each_session(engine: Engine) -> None:
    """Have every session of `engine` hold the lock; connecting raises TakenError where another's does."""

    @event.listens_for(engine, "connect")
    def take(connection: Any, _: object) -> None:
        try:
            connection.execute(NOTICED)
            (taken,) = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
            connection.commit()
        except engine.dialect.loaded_dbapi.Error as error:
            connection.close()
            raise ArchiveError(" ".join(str(error).split())) from error
        if not taken:
            connection.close()
            raise TakenError("another exporter polls this account")


def look(connection: Connection) -> Vacancy:
    """Whether somebody holds the lock, and how whoever did let go of it."""
    if connection.scalar(_IS_HELD):
        return Vacancy.HELD
    known = inspect(connection).has_table(notes.name)
    name = state.read(connection, _NAME, str) if known else None
    return Vacancy.NEVER_HELD if name is None else Vacancy.LOST if name else Vacancy.LEFT


def claim(connection: Connection, name: str) -> None:
    """Note who leads now."""
    state.write(connection, _NAME, name)


def leave(connection: Connection, name: str) -> None:
    """Note that nobody leads any more. Raises TakenError where another has led since."""
    require(connection, name)
    state.write(connection, _NAME, "")


def require(connection: Connection, name: str) -> None:
    """Raise TakenError where another has led since."""
    if state.read(connection, _NAME, str) != name:
        raise TakenError("another exporter has polled this account meanwhile")
