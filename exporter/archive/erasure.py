"""Forgetting a caller: his calls stay, so that figures stay true, and nothing in them is his any more.

The hash of his number is noted: what is read of him later, or again, is kept without him too.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, update

from exporter.archive.caller_key_file import CallerKey
from exporter.archive.caller_privacy import ERASED
from exporter.archive.schema import calls, comments, forgotten, state, tags
from exporter.archive.text_index import digits_only, search_text

_LOCK = select(state.c.name).where(state.c.name == "version")
"""Whoever forgets somebody locks this row, and whoever saves calls lets nobody else do so."""

_ERASED_COLUMNS = {
    "caller": ERASED,
    "caller_digits": "",
    "caller_hash": None,
    "assigned_to_id": None,
    "asset": None,
    "recorded": False,
    "voicemail": False,
}


def lock_erasures(connection: Connection) -> frozenset[str]:
    """The hashes of all who are to be forgotten; nobody is added before the transaction ends."""
    connection.execute(_LOCK.with_for_update(read=True))
    return frozenset(connection.scalars(select(forgotten.c.caller_hash)))


def note_again(connection: Connection, hashes: Iterable[str], at: int) -> None:
    """Note callers again whose rows are lost, `at` being UNIX seconds."""
    for caller_hash in sorted(hashes):
        connection.execute(insert(forgotten).values(caller_hash=caller_hash, forgotten_at=at))


def count(connection: Connection, key: CallerKey, number: str) -> int:
    """How many calls of a caller are kept."""
    return connection.scalar(select(func.count()).where(_belongs_to_caller(key, number))) or 0


def erase(connection: Connection, key: CallerKey, number: str, at: int) -> int:
    """Forget a caller from now on, `at` being UNIX seconds; gives how many calls have been changed."""
    connection.execute(_LOCK.with_for_update())
    told = key.hash(number)
    if told not in set(connection.scalars(select(forgotten.c.caller_hash))):
        connection.execute(insert(forgotten).values(caller_hash=told, forgotten_at=at))
    his = (
        select(calls.c.id, calls.c.missed_call_reason)
        .where(_belongs_to_caller(key, number))
        .order_by(calls.c.id)
    )
    changes = [
        {"call": row.id, "left": search_text(ERASED, row.missed_call_reason, (), ())}
        for row in connection.execute(his)
    ]
    if changes:
        change = update(calls).where(calls.c.id == bindparam("call"))
        connection.execute(change.values(words=bindparam("left"), **_ERASED_COLUMNS), changes)
        for table in (tags, comments):
            connection.execute(delete(table).where(table.c.call_id == bindparam("call")), changes)
    return len(changes)


def _belongs_to_caller(key: CallerKey, number: str) -> ColumnElement[bool]:
    """By the hash; or by the digits where all of them are shown."""
    shown = and_(calls.c.caller_digits == digits_only(number), ~calls.c.caller.contains("*"))
    return or_(calls.c.caller_hash == key.hash(number), shown)
