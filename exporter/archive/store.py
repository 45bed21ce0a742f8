"""The archive itself: one database, SQLite or PostgreSQL, and one transaction for each batch."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from exporter.account.totals import Key
from exporter.aircall.objects import Call, Ref
from exporter.archive import schema
from exporter.archive.criteria import Criteria
from exporter.archive.database import archive_errors, engine_for, searching
from exporter.archive.lift import prepare, require_current
from exporter.archive.records import Addition, Batch, Memory, Progress, Record
from exporter.archive.search import FoundCall, search
from exporter.archive.words import digits, words

T = TypeVar("T", str, str | None)

_CHILDREN = (schema.tags, schema.comments)


class Archive:
    """Saves batches and remembers them. Every method raises ArchiveError where the database fails."""

    def __init__(self, url: str) -> None:
        """Take the database at `url` (SQLAlchemy's form); it is opened by the first use."""
        self._engine: Engine = engine_for(url)

    def close(self) -> None:
        self._engine.dispose()

    def load(self) -> Memory:
        """Open the archive, creating or lifting its tables, and tell what it remembers."""
        with archive_errors():
            prepare(self._engine)
            with self._engine.begin() as connection:
                return Memory(
                    totals=[
                        (tuple(msgspec.json.decode(row.key)), row.value)
                        for row in connection.execute(select(schema.totals))
                    ],
                    progress=_progress(connection),
                    names={(row.kind, row.id): row.name for row in connection.execute(select(schema.names))},
                    uncounted_for_teams=tuple(_uncounted_for_teams(connection)),
                )

    def save(self, batch: Batch) -> list[Addition]:
        """Save a batch; gives those of its additions that had not been counted before, now in the totals."""
        with archive_errors(), self._engine.begin() as connection:
            self._put_calls(connection, batch.records.values())
            fresh = [
                addition
                for addition in batch.additions
                if self._counts_for_the_first_time(connection, addition)
            ]
            self._add_to_totals(connection, fresh)
            self._put(connection, schema.teams, list(_team_rows(fresh)))
            self._put(
                connection,
                schema.names,
                [{"kind": kind, "id": id_, "name": _text(name)} for (kind, id_), name in batch.names.items()],
            )
            if batch.progress is not None:
                value = msgspec.json.encode(batch.progress).decode()
                self._put(connection, schema.state, [{"name": "progress", "value": value}])
            return fresh

    def search(self, criteria: Criteria) -> Iterator[FoundCall]:
        """The calls that match, newest first. Raises ArchiveError also where there is no archive yet."""
        with self.searching() as connection:
            yield from search(connection, criteria)

    @contextmanager
    def searching(self) -> Iterator[Connection]:
        """A connection for searches. Raises ArchiveError also where there is no archive yet."""
        with archive_errors(), searching(self._engine) as connection:
            require_current(connection)
            yield connection

    def remove(self, before: int, most: int = 500) -> int:
        """Remove calls that started before `before` (UNIX seconds), `most` at a time; gives how many."""
        old = select(schema.calls.c.id).where(schema.calls.c.started_at < before).limit(most)
        with archive_errors(), self._engine.begin() as connection:
            return connection.execute(delete(schema.calls).where(schema.calls.c.id.in_(old))).rowcount

    def _put_calls(self, connection: Connection, records: Iterable[Record]) -> None:
        records = list(records)
        ids = [record.call.id for record in records]
        self._put(
            connection,
            schema.calls,
            [_row(record) for record in records],
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

    def _add_to_totals(self, connection: Connection, additions: list[Addition]) -> None:
        added: Counter[Key] = Counter()
        for addition in additions:
            for key, count in addition.increments:
                added[key] += count
        rows = [{"key": msgspec.json.encode(key).decode(), "value": value} for key, value in added.items()]
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


def _row(record: Record) -> dict[str, Any]:
    call, details = record.call, record.details
    caller, reason = _text(record.caller), _text(call.missed_call_reason)
    return {
        "id": call.id,
        "direction": call.direction,
        "status": call.phase,
        "outcome": call.outcome if call.phase == "done" else None,
        "missed_call_reason": reason,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "user_id": call.user.id if call.user else None,
        "number_id": call.number.id if call.number else None,
        "caller": caller,
        "caller_digits": digits(caller),
        "asset": _text(details.asset),
        "recorded": details.recording is not None,
        "voicemail": details.voicemail is not None,
        "counted": False,
        "counted_for_teams": False,
        "assigned_to_id": details.assigned_to_id,
        "words": words(caller, reason, _tags(record), (content for _, content in _comments(record))),
    }


def _tags(record: Record) -> list[str]:
    return sorted({_text(name) for name in record.details.tag_names})


def _comments(record: Record) -> Iterator[tuple[int | None, str]]:
    """When each was posted, and what it says."""
    for comment in record.details.comments or ():
        yield comment.time, _text(comment.content)


def _children(records: list[Record]) -> tuple[list[dict[str, Any]], ...]:
    """The rows of tags and comments."""
    return (
        [{"call_id": r.call.id, "name": name} for r in records for name in _tags(r)],
        [
            {"call_id": r.call.id, "position": position, "posted_at": posted_at, "content": content}
            for r in records
            for position, (posted_at, content) in enumerate(_comments(r))
        ],
    )


def _text(text: T) -> T:
    """A text without the one sign that PostgreSQL takes in none; none stays none."""
    return text.replace("\x00", "") if text else text


def _team_rows(additions: Iterable[Addition]) -> Iterator[dict[str, Any]]:
    """Which teams a call concerns is told by the totals that it adds to."""
    for addition in additions:
        for (family, *ids), _ in addition.increments:
            if family == "team_calls":
                yield {"call_id": addition.call.id, "team_id": ids[0]}


def _progress(connection: Connection) -> Progress | None:
    value = connection.scalar(select(schema.state.c.value).where(schema.state.c.name == "progress"))
    return None if value is None else msgspec.json.decode(value, type=Progress)


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
