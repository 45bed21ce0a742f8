"""Read and write the archive's metadata: single values by name."""

from typing import TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from exporter.account.records import Checkpoint, Counting
from exporter.account.user_series import CountsByUser, SavedUserSeries
from exporter.archive.schema import state

T = TypeVar("T")

PROGRESS, MANUAL_BACKFILLS, HEARTBEAT, USER_STATES = "progress", "wishes", "served", "doing"
CALLER_KEY, CALLERS, COUNTING = "caller_key", "callers_shown", "counting"
OWN, KEPT = "own_series", "kept_series"
VIEWS_DIGEST, RING_ATTEMPTS = "views", "ring_attempts_counted"
CALL_BACKS, CALL_BACKS_ADDED = "call_backs", "call_backs_added"

# Every transaction reads several values, and building a statement takes longer than executing it.
_IS_NAMED = state.c.name == bindparam("of")
_READ = select(state.c.value).where(_IS_NAMED)
_UPDATE = update(state).where(_IS_NAMED).values(value=bindparam("text"))


def progress(connection: Connection) -> Checkpoint | None:
    """Return the checkpoint, or None before calls were first fetched completely."""
    return read(connection, PROGRESS, Checkpoint)


def counting(connection: Connection) -> Counting | None:
    """Return which calls are counted, or None before that was decided."""
    return read(connection, COUNTING, Counting)


def decide_counting(connection: Connection, proposed: Counting | None) -> Counting | None:
    """Return which calls are counted. The first `proposed` decision stays.

    A later one only replaces a decision that a wrong clock made for the future.
    """
    decided = counting(connection)
    if proposed is None or (decided is not None and not decided.is_replaced_by(proposed)):
        return decided
    write(connection, COUNTING, proposed)
    return proposed


def user_series(connection: Connection) -> SavedUserSeries | None:
    """Return which users have series of their own, or None if it was never saved."""
    own = read(connection, OWN, CountsByUser)
    return None if own is None else SavedUserSeries(own, read(connection, KEPT, CountsByUser) or {})


def write_user_series(connection: Connection, saved: SavedUserSeries | None) -> None:
    """Write which users have series of their own, unless `saved` is None."""
    if saved is not None:
        write(connection, OWN, saved.own)
        write(connection, KEPT, saved.kept)


def read(connection: Connection, name: str, kind: type[T]) -> T | None:
    """Return a value, or None if none was written."""
    value = connection.scalar(_READ, {"of": name})
    return None if value is None else msgspec.json.decode(value, type=kind)


def write(connection: Connection, name: str, value: object) -> None:
    """Write a value, in place of an earlier one of the same name."""
    text = msgspec.json.encode(value).decode()
    if connection.execute(_UPDATE, {"of": name, "text": text}).rowcount == 0:
        connection.execute(state.insert().values(name=name, value=text))
