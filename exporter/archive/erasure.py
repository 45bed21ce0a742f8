"""Erase a caller: their calls stay, so that totals stay correct, without the caller's personal data.

The hash of the number is saved, so that calls fetched later are archived without personal data, too.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, update

from exporter.archive.caller_key_file import CallerKey
from exporter.archive.caller_privacy import ERASED
from exporter.archive.schema import calls, comments, forgotten, state, tags
from exporter.archive.text_index import digits_only, search_text

_LOCK = select(state.c.name).where(state.c.name == "version")
"""Erasing locks this row exclusively, and saving calls locks it in shared mode."""

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
    """Return the hashes of all erased callers. None is added before the transaction ends."""
    connection.execute(_LOCK.with_for_update(read=True))
    return frozenset(connection.scalars(select(forgotten.c.caller_hash)))


def note_again(connection: Connection, hashes: Iterable[str], at: int) -> None:
    """Insert lost rows of erased callers again, `at` being UNIX seconds."""
    for caller_hash in sorted(hashes):
        connection.execute(insert(forgotten).values(caller_hash=caller_hash, forgotten_at=at))


def count(connection: Connection, key: CallerKey, number: str) -> int:
    """Return the number of archived calls of a caller."""
    return connection.scalar(select(func.count()).where(_belongs_to_caller(key, number))) or 0


def erase(connection: Connection, key: CallerKey, number: str, at: int) -> int:
    """Erase a caller, `at` being now (UNIX seconds). Return how many calls have been changed."""
    connection.execute(_LOCK.with_for_update())
    caller_hash = key.hash(number)
    if caller_hash not in set(connection.scalars(select(forgotten.c.caller_hash))):
        connection.execute(insert(forgotten).values(caller_hash=caller_hash, forgotten_at=at))
    of_caller = (
        select(calls.c.id, calls.c.missed_call_reason)
        .where(_belongs_to_caller(key, number))
        .order_by(calls.c.id)
    )
    changes = [
        {"call": row.id, "left": search_text(ERASED, row.missed_call_reason, (), ())}
        for row in connection.execute(of_caller)
    ]
    if changes:
        change = update(calls).where(calls.c.id == bindparam("call"))
        connection.execute(change.values(words=bindparam("left"), **_ERASED_COLUMNS), changes)
        for table in (tags, comments):
            connection.execute(delete(table).where(table.c.call_id == bindparam("call")), changes)
    return len(changes)


def _belongs_to_caller(key: CallerKey, number: str) -> ColumnElement[bool]:
    """Match by the hash, or by the digits if all of them are archived."""
    shown = and_(calls.c.caller_digits == digits_only(number), ~calls.c.caller.contains("*"))
    return or_(calls.c.caller_hash == key.hash(number), shown)
