"""The archive itself: one database, SQLite or PostgreSQL, and one transaction for each batch."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, make_url, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from exporter.account.totals import Key
from exporter.aircall.objects import Call, Ref
from exporter.archive import retention, schema, state
from exporter.archive.records import Addition, Batch, Memory, Progress, Record, Saved, Span
from exporter.archive.search import Criteria, FoundCall, search

T = TypeVar("T")

CONNECT_SECONDS = 5
"""How long a connection to a database server may take."""

KEYS_AT_A_TIME = 500
"""Totals that are asked for in one statement, whose parameters databases limit."""

_CHILDREN = (schema.tags, schema.comments)
_GOES_ON = schema.calls.c.status != "done"


class ArchiveError(Exception):
    """The database cannot be opened, read or written now; trying again later may work."""


def sqlite_url(directory: str, create: bool = True) -> str:
    """The archive in a directory.

    Raises ArchiveError where the directory cannot be created or, without `create`, has no archive.
    """
    if not create and not (Path(directory) / "archive.sqlite").exists():
        raise ArchiveError(f"{directory}: has no call archive; name the exporter's --storage.path")
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"{directory}: cannot be created: {error.strerror}") from None
    return f"sqlite:///{Path(directory) / 'archive.sqlite'}"


class Archive:
    """Saves batches and remembers them. Every method raises ArchiveError where the database fails."""

    def __init__(self, url: str) -> None:
        """Take the database at `url` (SQLAlchemy's form); it is opened by the first use."""
        parsed = make_url(url)
        options: dict[str, Any] = {"pool_pre_ping": True}
        if parsed.get_backend_name() == "postgresql":
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
        self._engine: Engine = create_engine(parsed, **options)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)

    def close(self) -> None:
        self._engine.dispose()

    def load(self) -> Memory:
        """Open the archive, creating or lifting its tables, and tell what it remembers."""
        with self._connection() as connection:
            schema.prepare(connection)
            return Memory(
                totals=[(_as_key(row.key), row.value) for row in connection.execute(select(schema.totals))],
                progress=state.progress(connection),
                names={(row.kind, row.id): row.name for row in connection.execute(select(schema.names))},
                uncounted_for_teams=tuple(_uncounted_for_teams(connection)),
                left_open=frozenset(connection.scalars(select(schema.calls.c.id).where(_GOES_ON))),
                removed_to=retention.removed_to(connection),
            )

    def save(self, batch: Batch) -> Saved:
        """Save a batch, all of it or nothing."""
        with self._connection() as connection:
            self._put_calls(connection, batch.records.values())
            fresh = tuple(
                addition
                for addition in batch.additions
                if self._counts_for_the_first_time(connection, addition)
            )
            self._add_to_totals(connection, fresh)
            self._put(connection, schema.teams, list(_team_rows(fresh)))
            if batch.vanished:
                gone = schema.calls.c.id.in_(batch.vanished)
                connection.execute(delete(schema.calls).where(gone, _GOES_ON))
            self._put(
                connection,
                schema.names,
                [{"kind": kind, "id": id_, "name": name} for (kind, id_), name in batch.names.items()],
            )
            if batch.progress is not None:
                state.write(connection, state.PROGRESS, batch.progress)
            return Saved(fresh, _totals(connection, batch.additions))

    def progress(self) -> Progress | None:
        """How far reading has come."""
        return self._noted(state.PROGRESS, Progress)

    def wishes(self) -> tuple[Span, ...]:
        """What was asked for by hand."""
        return self._noted(state.WISHES, tuple[Span, ...]) or ()

    def set_wishes(self, spans: tuple[Span, ...]) -> None:
        """Ask for spans of the past, in place of what was asked for before."""
        self._note(state.WISHES, spans)

    def served_at(self) -> float | None:
        """When an exporter last gave a sign of life (UNIX seconds)."""
        return self._noted(state.SERVED_AT, float)

    def set_served(self, at: float) -> None:
        """Give a sign of life."""
        self._note(state.SERVED_AT, at)

    def _noted(self, name: str, kind: type[T]) -> T | None:
        with self._connection() as connection:
            return state.read(connection, name, kind)

    def _note(self, name: str, value: object) -> None:
        with self._connection() as connection:
            state.write(connection, name, value)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One transaction. Raises ArchiveError."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, schema.NewerArchiveError) as error:
            raise ArchiveError(_words(error)) from error

    def search(self, criteria: Criteria) -> Iterator[FoundCall]:
        """The calls that match, newest first. Raises ArchiveError also where there is no archive yet."""
        with self._connection() as connection:
            yield from search(connection, criteria)

    def remove(self, before: int, most: int = 500) -> int:
        """Remove calls that started before `before` (UNIX seconds), `most` at a time; gives how many."""
        with self._connection() as connection:
            return retention.remove(connection, before, most)

    def _put_calls(self, connection: Connection, records: Iterable[Record]) -> None:
        records = list(records)
        ids = [record.call.id for record in records]
        removed_to = retention.removed_to(connection) if ids else 0
        self._put(
            connection,
            schema.calls,
            [_row(record, removed_to) for record in records],
            keep=("counted", "counted_for_teams"),
        )
        for child in _CHILDREN if ids else ():
            connection.execute(delete(child).where(child.c.call_id.in_(ids)))
        for child, rows in zip(_CHILDREN, _children(records), strict=True):
            self._put(connection, child, rows)

    def _counts_for_the_first_time(self, connection: Connection, addition: Addition) -> bool:
        calls, stage = schema.calls, schema.calls.c[addition.stage]
        marked = update(calls).where(calls.c.id == addition.call.id, ~stage).values({stage: True})
        return connection.execute(marked).rowcount == 1

    def _add_to_totals(self, connection: Connection, additions: Iterable[Addition]) -> None:
        added: Counter[Key] = Counter()
        for addition in additions:
            for key, count in addition.increments:
                added[key] += count
        rows = [{"key": _as_text(key), "value": value} for key, value in added.items()]
        if rows:
            insert = self._insert(schema.totals)
            value = schema.totals.c.value + insert.excluded.value
            connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_={"value": value}), rows
            )

    def _put(
        self, connection: Connection, table: Table, rows: list[dict[str, Any]], keep: tuple[str, ...] = ()
    ) -> None:
        """Insert rows, or change those that are there; columns to `keep` stay as they were."""
        if not rows:
            return
        insert, keys = self._insert(table), [column.name for column in table.primary_key]
        changed = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in keep}
        statement = (
            insert.on_conflict_do_update(index_elements=keys, set_=changed)
            if changed
            else insert.on_conflict_do_nothing()
        )
        connection.execute(statement, rows)

    def _insert(self, table: Table) -> Any:
        return (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(table)


def _row(record: Record, removed_to: int) -> dict[str, Any]:
    call, details = record.call, record.details
    return {
        "id": call.id,
        "direction": call.direction,
        "status": call.phase,
        "outcome": call.outcome if call.phase == "done" else None,
        "missed_call_reason": call.missed_call_reason,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "user_id": call.user.id if call.user else None,
        "number_id": call.number.id if call.number else None,
        "caller": record.caller,
        "caller_digits": "".join(re.findall("[0-9]+", record.caller)),
        "asset": details.asset,
        "recorded": details.recording is not None,
        "voicemail": details.voicemail is not None,
        "counted": call.started_at < removed_to,
        "counted_for_teams": call.started_at < removed_to,
    }


def _children(records: list[Record]) -> tuple[list[dict[str, Any]], ...]:
    """The rows of tags and comments."""
    return (
        [{"call_id": r.call.id, "name": name} for r in records for name in sorted(r.details.tag_names)],
        [
            {
                "call_id": r.call.id,
                "position": position,
                "posted_at": comment.time,
                "content": comment.content,
            }
            for r in records
            for position, comment in enumerate(r.details.comments or ())
        ],
    )


def _team_rows(additions: Iterable[Addition]) -> Iterator[dict[str, Any]]:
    """Which teams a call concerns is told by the totals that it adds to."""
    for addition in additions:
        for (family, *ids), _ in addition.increments:
            if family == "team_calls":
                yield {"call_id": addition.call.id, "team_id": ids[0]}


def _totals(connection: Connection, additions: Iterable[Addition]) -> dict[Key, int]:
    """The totals as they are now that these could add to."""
    keys = iter({_as_text(key) for addition in additions for key, _ in addition.increments})
    found: dict[Key, int] = {}
    while some := list(islice(keys, KEYS_AT_A_TIME)):
        query = select(schema.totals).where(schema.totals.c.key.in_(some))
        found |= {_as_key(row.key): row.value for row in connection.execute(query)}
    return found


def _as_text(key: Key) -> str:
    return msgspec.json.encode(key).decode()


def _as_key(text: str) -> Key:
    return tuple(msgspec.json.decode(text))


def _uncounted_for_teams(connection: Connection) -> Iterable[Call]:
    calls = schema.calls.c
    for row in connection.execute(select(schema.calls).where(calls.counted, ~calls.counted_for_teams)):
        yield Call(
            row.id,
            row.direction,
            row.status,
            row.started_at,
            row.answered_at,
            row.ended_at,
            row.missed_call_reason,
            row.caller,
            None if row.user_id is None else Ref(row.user_id),
            None if row.number_id is None else Ref(row.number_id),
        )


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _words(error: Exception) -> str:
    """The database's own words, without the statement and its parameters, which hold callers' numbers."""
    origin = getattr(error, "orig", None)
    return " ".join(str(origin or error).split())
