"""Count calls: add each call to the totals once, whenever and however often it is saved."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select, update

from exporter.account.counter_totals import Key
from exporter.account.records import CountedCall, Counting
from exporter.aircall.models import Call
from exporter.archive import metadata_table, row_mapping, schema
from exporter.archive.parameter_chunks import chunks
from exporter.archive.upsert import insert, put

MAX_RING_ATTEMPT_MARKS = 1000
"""Calls whose ring attempts were added last, and that are remembered so that these are added once.

They are more than one transaction holds, which is repeated if its result is unknown. Events of calls that
ended earlier are no longer accepted.
"""

_UNCOUNTED_FOR_TEAMS = select(schema.calls).where(schema.calls.c.counted, ~schema.calls.c.counted_for_teams)


def all_totals(connection: Connection) -> list[tuple[Key, int]]:
    """Return all totals."""
    return [(as_key(row.key), row.value) for row in connection.execute(select(schema.totals))]


def replace(connection: Connection, measured: Mapping[Key, int]) -> None:
    """Replace totals by these values."""
    put(connection, schema.totals, [{"key": as_text(key), "value": value} for key, value in measured.items()])


def add(connection: Connection, additions: Iterable[CountedCall]) -> None:
    """Add the increments of calls to the totals."""
    added: Counter[Key] = Counter()
    for addition in additions:
        for key, count in addition.increments:
            added[key] += count
    add_counts(connection, added)


def add_counts(connection: Connection, added: Mapping[Key, int]) -> None:
    """Add to the totals."""
    counts = [{"key": as_text(key), "value": value} for key, value in added.items()]
    if counts:
        statement = insert(connection, schema.totals)
        value = schema.totals.c.value + statement.excluded.value
        connection.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}), counts
        )


def uncounted_for_teams(connection: Connection, most: int) -> tuple[Call, ...]:
    """Return calls that are counted, but not yet for their teams."""
    return tuple(map(row_mapping.call_of, connection.execute(_UNCOUNTED_FOR_TEAMS.limit(most))))


def mark_counted(
    connection: Connection, additions: Sequence[CountedCall], counting: Counting | None
) -> Iterator[CountedCall]:
    """Mark calls as counted, and yield the additions of those that count and were not marked before.

    A call whose teams were inferred counts for its teams, too.

    The archive decides which calls count, not the exporter. The exporter may have fetched calls before it
    could open the archive, which has the decision of the first start.
    """
    counts = [a for a in additions if a.stage == "counted" and counting and counting.includes(a.call)]
    for_teams = [a for a in additions if a.stage == "counted_for_teams"]
    of_counted_calls = ~schema.calls.c.counted_for_teams & schema.calls.c.counted
    for marks, those, uncounted in (
        ({"counted": True, "counted_for_teams": False}, counts, ~schema.calls.c.counted),
        ({"counted_for_teams": True}, for_teams, of_counted_calls),
    ):
        by_id = {addition.call.id: addition for addition in those}
        for some in chunks(by_id):
            marked = update(schema.calls).where(schema.calls.c.id.in_(some), uncounted).values(marks)
            yield from (by_id[id_] for id_ in connection.scalars(marked.returning(schema.calls.c.id)))
    yield from _mark_ring_attempts(connection, additions)


def _mark_ring_attempts(connection: Connection, additions: Iterable[CountedCall]) -> list[CountedCall]:
    """Remember the calls whose ring attempts are added, and return those that were not added before."""
    by_id = {addition.call.id: addition for addition in additions if addition.stage == "ring_attempts"}
    if not by_id:
        return []
    marked = metadata_table.read(connection, metadata_table.RING_ATTEMPTS, tuple[int, ...]) or ()
    fresh = list(by_id.keys() - set(marked))
    last = (*marked, *fresh)[-max(MAX_RING_ATTEMPT_MARKS, len(fresh)) :]
    metadata_table.write(connection, metadata_table.RING_ATTEMPTS, last)
    return [by_id[id_] for id_ in fresh]


def current_values(connection: Connection, additions: Iterable[CountedCall]) -> dict[Key, int]:
    """Return the present totals of all keys in `additions`."""
    return values_of(connection, {key for addition in additions for key, _ in addition.increments})


def values_of(connection: Connection, keys_of: Iterable[Key]) -> dict[Key, int]:
    """Return the present totals of these keys."""
    found: dict[Key, int] = {}
    for some in chunks(map(as_text, keys_of)):
        query = select(schema.totals).where(schema.totals.c.key.in_(some))
        found |= {as_key(row.key): row.value for row in connection.execute(query)}
    return found


def values_of_families(connection: Connection, prefix: str) -> dict[Key, int]:
    """Return the present totals of all families whose names begin with `prefix`."""
    begins = schema.totals.c.key.startswith(f'["{prefix}', autoescape=True)
    return {as_key(row.key): row.value for row in connection.execute(select(schema.totals).where(begins))}


def one_of(additions: Iterable[CountedCall], totals: Mapping[Key, int]) -> tuple[str, int] | None:
    """Return one key of the additions and its total, or None if there are no additions."""
    key = next((key for addition in additions for key, _ in addition.increments), None)
    return None if key is None else (as_text(key), totals[key])


def as_text(key: Key) -> str:
    """Return a key as the archive stores it."""
    return msgspec.json.encode(key).decode()


def as_key(text: str) -> Key:
    """Return a stored key."""
    return tuple(msgspec.json.decode(text))
