"""Elect which of several exporters on one PostgreSQL archive polls: the one whose session holds a lock.

The advisory lock belongs to a database session, and only that session writes. So an exporter that lost
the lock cannot write. One that regains it detects an interim leader by the recorded name.
"""

import time
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect, select, text

from exporter.archive import metadata_table
from exporter.archive.database import ArchiveError, LostLeadershipError
from exporter.archive.open_connections import answers_within
from exporter.archive.schema import state as notes

LOCK = (0x41697263, 1)
"""Key of the advisory lock: `Airc` and a number. Locks of different databases are independent."""

NOTICED = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
"""Make PostgreSQL end a session within 20 s of its machine disappearing."""

RELEASE_TIMEOUT_S = 3.0
"""Seconds in which PostgreSQL has to end a session and release its lock."""

ANSWER_SECONDS = 5.0
"""Seconds after which a connection counts as dead if the database does not say who leads."""

NOTICED_IN_STATEMENT = "SET client_connection_check_interval = '10s'"
"""Make PostgreSQL 14 and later do the same during a statement, also if that waits for a lock."""

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
_HOLDER = text(f"SELECT pid, backend_start, query_start {_LOCKS}")
_HEARTBEATS = select(notes.c.value).where(notes.c.name == metadata_table.HEARTBEAT)
_NAME = "leader"


class LeaderState(Enum):
    """Whether an exporter holds the lock, or how the last one ended: lost the lock or released it."""

    HELD = auto()
    LOST = auto()
    RELEASED = auto()
    NEVER_HELD = auto()


def lock_with_each_session(engine: Engine, name: str) -> None:
    """Make every session of `engine` take the lock. Connecting raises LostLeadershipError if that fails.

    An earlier session of this exporter, identified by `name`, may still hold the lock, because PostgreSQL
    does not notice a connection that was reset on our side only. That session is ended.
    """
    application = f"aircall-exporter {name}"

    @event.listens_for(engine, "connect")
    def take(connection: Any, _: object) -> None:
        try:
            _require_own_session(connection)
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


def _require_own_session(connection: Any) -> None:
    """Raise ArchiveError if a connection pooler may give each transaction another session.

    PostgreSQL sends the process id of the session when the client connects. A pooler sends an id of its own.
    """
    (used,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    if connection.info.backend_pid != used:
        connection.close()
        raise ArchiveError(
            "storage.url: found a connection pooler, expected a direct connection to PostgreSQL for"
            " storage.standby, because the leader's lock belongs to a session; write the server's own address"
        )


def _try(connection: Any) -> bool:
    (taken,) = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
    return bool(taken)


def _end_earlier(connection: Any, application: str) -> bool:
    """End the session of this name that holds the lock. Return whether there was one."""
    return connection.execute(_END_EARLIER, (application,)).fetchone() is not None


def _retry(connection: Any) -> bool:
    """Wait for the lock of a session that is ending. Raises ArchiveError if it is not released."""
    until = time.monotonic() + RELEASE_TIMEOUT_S
    while not _try(connection):
        if time.monotonic() > until:
            connection.close()
            raise ArchiveError("the exporter's earlier session still has the lock")
        time.sleep(0.05)
    return True


def leader_activity(connection: Connection) -> object:
    """Return a value that changes while the leader works, and if another session leads.

    It changes with each statement, also with one that fails, as while someone else locks a table.
    """
    heartbeats = (
        sorted(connection.scalars(_HEARTBEATS)) if inspect(connection).has_table(notes.name) else None
    )
    return [tuple(row) for row in connection.execute(_HOLDER)], heartbeats


def end_silent(connection: Connection) -> bool:
    """End the session that holds the lock, unless it executes a statement. Return whether one was ended."""
    return connection.execute(_END_SILENT).first() is not None


def read_leader_state(connection: Connection) -> LeaderState:
    """Return whether an exporter holds the lock, and else how the last one ended."""
    if connection.scalar(_IS_HELD):
        return LeaderState.HELD
    known = inspect(connection).has_table(notes.name)
    name = metadata_table.read(connection, _NAME, str) if known else None
    return LeaderState.NEVER_HELD if name is None else LeaderState.LOST if name else LeaderState.RELEASED


def claim(connection: Connection, name: str) -> None:
    """Record that the exporter of this name leads."""
    metadata_table.write(connection, _NAME, name)


def release(connection: Connection, name: str) -> None:
    """Record that no exporter leads. Raises LostLeadershipError if another has led since."""
    verify_leader(connection, name)
    metadata_table.write(connection, _NAME, "")


def verify_leader(connection: Connection, name: str) -> None:
    """Raise LostLeadershipError if another exporter has led since."""
    if not is_led_by(connection, name):
        raise LostLeadershipError("another exporter has polled this account meanwhile")


def is_led_by(connection: Connection, name: str) -> bool:
    """Return whether the exporter of this name was the last to lead."""
    return metadata_table.read(connection, _NAME, str) == name


def is_led_now(engine: Engine, name: str) -> bool:
    """Return the same, with a limit on the time of the answer. `engine` must open a new connection."""
    with engine.connect() as connection, answers_within(connection, ANSWER_SECONDS):
        connection.exec_driver_sql("SET LOCAL statement_timeout = '2s'")
        return is_led_by(connection, name)
