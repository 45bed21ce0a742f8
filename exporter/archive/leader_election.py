"""Which of several exporters on one PostgreSQL archive polls: the one whose session holds the lock.

The lock is the session's, and only that session writes: who has lost the one cannot do the other. And who has
it again after another had it notices by that one's name.
"""

import time
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect, select, text

from exporter.archive import metadata_table
from exporter.archive.database import ArchiveError, LostLeadershipError
from exporter.archive.schema import state as notes

LOCK = (0x41697263, 1)
"""The key of the advisory lock, `Airc` and a number; PostgreSQL tells the locks of two databases apart."""

NOTICED = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
"""Has PostgreSQL end within 20 s the session of a machine that is gone without a word."""

RELEASED = 3.0
"""Seconds that PostgreSQL has to end a session and release its lock."""

NOTICED_IN_STATEMENT = "SET client_connection_check_interval = '10s'"
"""Has PostgreSQL 14 and later do the same while it executes a statement, or waits for a lock in it."""

_LOCKS = (
    "FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " JOIN pg_stat_activity USING (pid)"
    " WHERE pg_database.datname = current_database() AND locktype = 'advisory' AND granted"
    f" AND (classid, objid) = ({LOCK[0]}, {LOCK[1]})"
)
_IS_HELD = text(f"SELECT EXISTS (SELECT {_LOCKS})")
_END_EARLIER = f"SELECT pg_terminate_backend(pid) {_LOCKS} AND application_name = %s"
_IS_IDLE = "(state IS DISTINCT FROM 'active' OR wait_event_type IN ('Lock', 'Client'))"
_END_SILENT = text(f"SELECT pg_terminate_backend(pid) {_LOCKS} AND {_IS_IDLE}")
_SIGNS = select(notes.c.value).where(notes.c.name.in_((metadata_table.SERVED, "lifted", "version")))
_NAME = "leader"


class LeaderState(Enum):
    """Who has the lock: somebody, or nobody since it was lost, left, or ever."""

    HELD = auto()
    LOST = auto()
    LEFT = auto()
    NEVER_HELD = auto()


def lock_with_each_session(engine: Engine, name: str) -> None:
    """Make every session of `engine` take the lock; connecting raises TakenError if another exporter has it.

    The exporter's own earlier session, known by `name`, may still have it: PostgreSQL does not notice that a
    connection was reset on our side only. That session is ended.
    """
    application = f"aircall-exporter {name}"

    @event.listens_for(engine, "connect")
    def take(connection: Any, _: object) -> None:
        try:
            connection.execute(NOTICED)
            if connection.info.server_version >= 140_000:
                connection.execute(NOTICED_IN_STATEMENT)
            connection.execute("SELECT set_config('application_name', %s, false)", (application,))
            taken = _try(connection) or (_end_earlier(connection, application) and _retry(connection))
            connection.commit()
        except engine.dialect.loaded_dbapi.Error as error:
            connection.close()
            raise ArchiveError(" ".join(str(error).split())) from error
        if not taken:
            connection.close()
            raise LostLeadershipError("another exporter polls this account")


def _try(connection: Any) -> bool:
    (taken,) = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
    return bool(taken)


def _end_earlier(connection: Any, application: str) -> bool:
    """End the session of this name that has the lock; returns whether there was one."""
    return connection.execute(_END_EARLIER, (application,)).fetchone() is not None


def _retry(connection: Any) -> bool:
    """Wait for the lock of a session that is being ended. Raises ArchiveError if it is not released."""
    until = time.monotonic() + RELEASED
    while not _try(connection):
        if time.monotonic() > until:
            connection.close()
            raise ArchiveError("the exporter's earlier session still has the lock")
        time.sleep(0.05)
    return True


def sign_of_life(connection: Connection) -> object:
    """What changes every few seconds while an exporter that has the archive works."""
    return sorted(connection.scalars(_SIGNS)) if inspect(connection).has_table(notes.name) else None


def end_silent(connection: Connection) -> bool:
    """End the session that has the lock, unless the database is working for it; returns whether it did."""
    return connection.execute(_END_SILENT).first() is not None


def read_leader_state(connection: Connection) -> LeaderState:
    """Whether somebody holds the lock, and how whoever did let go of it."""
    if connection.scalar(_IS_HELD):
        return LeaderState.HELD
    known = inspect(connection).has_table(notes.name)
    name = metadata_table.read(connection, _NAME, str) if known else None
    return LeaderState.NEVER_HELD if name is None else LeaderState.LOST if name else LeaderState.LEFT


def claim(connection: Connection, name: str) -> None:
    """Note who leads now."""
    metadata_table.write(connection, _NAME, name)


def release(connection: Connection, name: str) -> None:
    """Note that nobody leads any more. Raises TakenError where another has led since."""
    verify_leader(connection, name)
    metadata_table.write(connection, _NAME, "")


def verify_leader(connection: Connection, name: str) -> None:
    """Raise TakenError where another has led since."""
    if not is_led_by(connection, name):
        raise LostLeadershipError("another exporter has polled this account meanwhile")


def is_led_by(connection: Connection, name: str) -> bool:
    """Whether the exporter of this name was the last to lead."""
    return metadata_table.read(connection, _NAME, str) == name
