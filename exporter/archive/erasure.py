"""Erase a caller: their calls stay, so that totals stay correct, without the caller's personal data.

The hash of the number is saved, so that calls fetched later are archived without personal data, too.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select, update

from exporter.archive.caller_identity import ERASED, identity, is_masked
from exporter.archive.caller_key_file import CallerKey
from exporter.archive.schema import call_backs, calls, comments, forgotten, state, tags
from exporter.archive.text_index import normalize, search_text

_LOCK = select(state.c.name).where(state.c.name == "version")
"""Erasing locks this row exclusively, and saving calls locks it in shared mode."""
_LOCK_SHARED = _LOCK.with_for_update(read=True)
_FORGOTTEN = select(forgotten.c.caller_hash)

_ERASED_COLUMNS = {
    "caller": ERASED,
    "caller_digits": "",
    "caller_hash": None,
    "caller_key": None,
    "assigned_to_id": None,
    "asset": None,
    "recorded": False,
    "voicemail": False,
}


def lock_erasures(connection: Connection) -> frozenset[str]:
    """Return the hashes of all erased callers. None is added before the transaction ends."""
    connection.execute(_LOCK_SHARED)
    return frozenset(connection.scalars(_FORGOTTEN))


def note_again(connection: Connection, hashes: Iterable[str], at: int) -> None:
    """Insert lost rows of erased callers again, `at` being UNIX seconds."""
    for caller_hash in sorted(hashes):
        connection.execute(insert(forgotten).values(caller_hash=caller_hash, forgotten_at=at))


def count(connection: Connection, key: CallerKey, number: str) -> int:
    """Return the number of archived calls of a caller."""
    return len(_calls_of(connection, key, number))


def erase(connection: Connection, key: CallerKey, number: str, at: int) -> int:
    """Erase a caller, `at` being now (UNIX seconds). Return how many calls have been changed."""
    connection.execute(_LOCK.with_for_update())
    caller_hash = key.hash(number)
    if caller_hash not in set(connection.scalars(_FORGOTTEN)):
        connection.execute(insert(forgotten).values(caller_hash=caller_hash, forgotten_at=at))
    changes = [
        {"call": id_, "left": search_text(ERASED, reason, (), ())}
        for id_, reason in _calls_of(connection, key, number).items()
    ]
    if changes:
        change = update(calls).where(calls.c.id == bindparam("call"))
        connection.execute(change.values(words=bindparam("left"), **_ERASED_COLUMNS), changes)
        for table in (tags, comments, call_backs):
            connection.execute(delete(table).where(table.c.call_id == bindparam("call")), changes)
    return len(changes)


def _calls_of(connection: Connection, key: CallerKey, number: str) -> dict[int, str | None]:
    """Return the missed reasons of a caller's calls, by id.

    A call is one of them if it has the hash of the caller, or shows the caller and has no hash.
    """
    caller = identity(number)
    alike = or_(calls.c.caller_digits == caller, calls.c.words.startswith(caller, autoescape=True))
    found = (
        select(calls.c.id, calls.c.caller, calls.c.caller_hash, calls.c.missed_call_reason)
        .where(or_(calls.c.caller_hash == key.hash(number), and_(calls.c.caller_hash.is_(None), alike)))
        .order_by(calls.c.id)
    )
    rows = connection.execute(found)
    return {r.id: r.missed_call_reason for r in rows if r.caller_hash or _shows(r.caller, number)}


def _shows(caller: str | None, number: str) -> bool:
    """Return whether an archived caller without a hash is the one of this number."""
    shown = caller or ""
    is_equal = not is_masked(shown) and identity(shown) == identity(number)
    return is_equal or normalize(shown) == normalize(number)
