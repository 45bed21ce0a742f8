"""The archive itself: one database, SQLite or PostgreSQL, and one transaction for each batch."""

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, exists, select, update

from exporter.account.counter_totals import Key
from exporter.aircall.models import Call
from exporter.archive import (
    caller_key,
    erasure,
    integrity,
    leader_election,
    masking,
    metadata_table,
    retention,
    row_mapping,
    schema,
    simulated_guard,
)
from exporter.archive.caller_key_file import CallerKey, KeyFile
from exporter.archive.caller_privacy import Callers
from exporter.archive.criteria import Criteria
from exporter.archive.database import (
    ArchiveError,
    archive_errors,
    breaks_connection,
    engine_for,
    read_transaction,
    scrub,
    write_transaction,
)
from exporter.archive.migrations import prepare, require_current, require_preparable
from exporter.archive.records import (
    MAX_FOR_TEAMS,
    MAX_STARTS,
    Batch,
    CallRecord,
    Checkpoint,
    CountedCall,
    Counting,
    LoadedState,
    SaveResult,
    TimeRange,
    UserStates,
)
from exporter.archive.search import CallResult, search
from exporter.archive.session import Session
from exporter.archive.sqlite_files import OpenFiles, file_of
from exporter.config import Caller

T = TypeVar("T")

AT_A_TIME = 500
"""Totals, or calls, that one statement names: databases limit its parameters."""

ANY_HASH = select(exists().where(schema.calls.c.caller_hash >= ""))
"""Whether any caller is told by a hash; asked so that SQLite goes by the index, too."""

_GOES_ON = schema.calls.c.status != "done"
_NEWEST_STARTS = (
    select(schema.calls.c.started_at).distinct().order_by(schema.calls.c.started_at.desc()).limit(MAX_STARTS)
)
_UNCOUNTED_FOR_TEAMS = select(schema.calls).where(schema.calls.c.counted, ~schema.calls.c.counted_for_teams)


class Served(NamedTuple):
    """When an exporter was there (UNIX seconds), and which."""

    at: float
    by: str


class Archive:
    """Saves batches and remembers them. Every method raises ArchiveError where the database fails."""

    def __init__(
        self, url: str, key_file: KeyFile | None = None, simulated: bool = False, exclusive: bool = False
    ) -> None:
        """Take the database at `url` (SQLAlchemy's form); it is opened by the first use.

        `key_file` has the key that callers are hashed with; without one, those who are masked or hidden
        cannot be told apart. An archive of a `simulated` account is emptied by whoever loads it next.
        An `exclusive` one, on PostgreSQL, raises TakenError while another exclusive one is open, and when one
        has been since it was loaded.
        """
        self._name = secrets.token_hex(8)
        self._has_heartbeat = False
        """Whether the latest heartbeat was this exporter's own."""
        self._engine: Engine = engine_for(url)
        self._searched = self._engine
        self.exclusive = exclusive
        if exclusive:
            self._engine = engine_for(url, pool_size=1, max_overflow=0)
            leader_election.lock_with_each_session(self._engine, self._name)
        self._key_file = key_file
        self._key: CallerKey | None = None
        self._forgotten: frozenset[str] = frozenset()
        self.simulated = simulated
        self._session = Session()
        self._loads = 0
        file = file_of(self._engine.url)
        self._files = None if file is None else OpenFiles(self._engine, file)

    def close(self) -> None:
        self._engine.dispose()
        self._searched.dispose()

    def reconnect_after(self, error: ArchiveError) -> None:
        """Give up connections that fail as long as they are open."""
        if breaks_connection(error):
            self._engine.dispose()

    def sign_of_life(self) -> object:
        """Return what changes every few seconds while another exporter works on an exclusive archive."""
        with archive_errors(), read_transaction(self._searched) as connection:
            return leader_election.sign_of_life(connection)

    def end_silent(self) -> bool:
        """End the session of an exporter that has an exclusive archive; returns whether there was one."""
        with archive_errors(), self._searched.begin() as connection:
            return leader_election.end_silent(connection)

    def leader_state(self) -> leader_election.LeaderState:
        """Whether an exclusive archive of this database is open."""
        with archive_errors(), read_transaction(self._searched) as connection:
            return leader_election.read_leader_state(connection)

    def require_loadable(self) -> None:
        """Raise ArchiveError if an exclusive archive could not be loaded; this takes no lock."""
        with archive_errors(), read_transaction(self._searched) as connection:
            require_preparable(connection)
            if self._key_file is not None:
                caller_key.require_key(connection, self._key_file)

    def leads(self) -> bool:
        """Whether no other exporter has had an exclusive archive since; asked in a session of its own."""
        with archive_errors(), read_transaction(self._searched) as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = '2s'")
            return leader_election.is_led_by(connection, self._name)

    def release_leadership(self) -> None:
        """Leave an exclusive archive to others."""
        with archive_errors(), write_transaction(self._engine) as connection:
            leader_election.release(connection, self._name)

    def load(self, create: bool = True) -> LoadedState:
        """Open the archive, creating or lifting its tables, and return what it remembers.

        Loading it again follows a ReplacedError. Without `create` it then raises ArchiveError if its file has
        been deleted.
        """
        with archive_errors():
            if self._files is not None and self._loads:
                self._files.release(create)
            prepare(self._engine)
            self._has_heartbeat = False
            with write_transaction(self._engine) as connection:
                simulated_guard.claim(connection, self.simulated, again=self._loads > 0)
                integrity.require_whole(connection)
                integrity.begin(connection)
                self._session.begin(connection, time.time())
                if self.exclusive:
                    leader_election.claim(connection, self._name)
                if self._key_file is not None:
                    self._key = caller_key.claim(connection, self._key_file)
                memory = LoadedState(
                    totals=[
                        (_as_key(row.key), row.value) for row in connection.execute(select(schema.totals))
                    ],
                    progress=metadata_table.progress(connection),
                    names={(row.kind, row.id): row.name for row in connection.execute(select(schema.names))},
                    pending_team_counts=_uncounted_for_teams(connection, MAX_FOR_TEAMS),
                    unfinished_ids=frozenset(connection.scalars(select(schema.calls.c.id).where(_GOES_ON))),
                    purged_before=retention.removed_to(connection),
                    counting=metadata_table.counting(connection),
                    newest=tuple(connection.scalars(_NEWEST_STARTS)),
                    own=metadata_table.read(
                        connection, metadata_table.OWN, dict[str, tuple[tuple[Key, int], ...]]
                    ),
                )
            self._session.committed()
            self._loads += 1
            return memory

    @contextmanager
    def _going_on(self) -> Iterator[Connection]:
        """A transaction of the exporter that has loaded the archive.

        Raises ReplacedError if the database is not as this exporter left it, TakenError if another has led.
        """
        with archive_errors(), write_transaction(self._engine) as connection:
            if self._loads:
                self._session.go_on(connection, time.time())
            if self.exclusive:
                leader_election.verify_leader(connection, self._name)
            yield connection
        if self._loads:
            self._session.committed()

    def save(self, batch: Batch) -> SaveResult:
        """Save a batch, all of it or nothing."""
        with self._going_on() as connection:
            simulated_guard.require(connection, self.simulated)
            masking.record_visibility(connection, {record.shown for record in batch.records.values()})
            self._put_calls(connection, list(batch.records.values()))
            if batch.own is not None:
                metadata_table.write(connection, metadata_table.OWN, batch.own)
            counting = metadata_table.decide_counting(connection, batch.counting)
            fresh = tuple(_not_yet_counted(connection, batch.counted_calls, counting))
            self._add_to_totals(connection, fresh)
            self._put(connection, schema.teams, row_mapping.team_rows(fresh))
            if batch.deleted_ids:
                gone = schema.calls.c.id.in_(batch.deleted_ids)
                connection.execute(delete(schema.calls).where(gone, _GOES_ON))
            self._put(connection, schema.names, row_mapping.name_rows(batch.names))
            if batch.progress is not None:
                metadata_table.write(connection, metadata_table.PROGRESS, batch.progress)
            wanted = batch.for_teams_wanted
            uncounted = _uncounted_for_teams(connection, wanted) if wanted else None
            totals = _totals(connection, batch.counted_calls)
            integrity.note(connection, batch.records.values(), _one_of(fresh, totals), bool(batch.names))
            return SaveResult(fresh, totals, uncounted)

    def progress(self) -> Checkpoint | None:
        """How far reading has come."""
        return self._noted(metadata_table.PROGRESS, Checkpoint)

    def manual_backfills(self) -> tuple[TimeRange, ...]:
        """What was asked for by hand."""
        return self._noted(metadata_table.WISHES, tuple[TimeRange, ...]) or ()

    def set_manual_backfills(self, spans: tuple[TimeRange, ...]) -> None:
        """Ask for spans of the past, in place of what was asked for before."""
        self._note(metadata_table.WISHES, spans)

    def last_heartbeat(self) -> float | None:
        """When an exporter last gave a sign of life (UNIX seconds)."""
        served = self._noted(metadata_table.SERVED, Served)
        return None if served is None else served.at

    def heartbeat(self, at: float) -> bool:
        """Save that this exporter runs at `at` (UNIX seconds), or that it stops (0).

        Returns whether another exporter has saved a heartbeat since the previous one of this exporter. The
        times are not compared, because clocks may be wrong.
        """
        with self._going_on() as connection:
            found = metadata_table.read(connection, metadata_table.SERVED, Served)
            metadata_table.write(connection, metadata_table.SERVED, Served(at, self._name))
        is_first, self._has_heartbeat = not self._has_heartbeat, True
        return not is_first and found is not None and found.by != self._name and found.at > 0

    def user_states(self) -> UserStates:
        """What the users did when the exporter noted it last, and since when."""
        return self._noted(metadata_table.DOING, dict[int, tuple[str, float]]) or {}

    def save_user_states(self, doing: UserStates) -> None:
        """Note what the users do, in place of what they did before."""
        self._note(metadata_table.DOING, doing)

    def _noted(self, name: str, kind: type[T]) -> T | None:
        with archive_errors(), read_transaction(self._engine) as connection:
            return metadata_table.read(connection, name, kind)

    def _note(self, name: str, value: object) -> None:
        with archive_errors(), write_transaction(self._engine) as connection:
            metadata_table.write(connection, name, value)

    def search(self, criteria: Criteria) -> Iterator[CallResult]:
        """The calls that match, newest first. Raises ArchiveError also where there is no archive yet."""
        with self.searching() as connection:
            yield from search(connection, self.with_caller_hashes(connection, criteria))

    @contextmanager
    def searching(self) -> Iterator[Connection]:
        """A connection for searches. Raises ArchiveError also where there is no archive yet."""
        with archive_errors(), read_transaction(self._searched) as connection:
            require_current(connection)
            yield connection

    def with_caller_hashes(self, connection: Connection, criteria: Criteria) -> Criteria:
        """The same criteria, which find callers also where they are told by a hash.

        Raises ArchiveError where there are such callers, and not the key that they are hashed with.
        """
        if not criteria.callers or not connection.scalar(ANY_HASH):
            return criteria
        key = self._key_of(connection)
        return replace(criteria, caller_hashes=tuple(filter(None, map(key.hash, criteria.callers))))

    def _key_of(self, connection: Connection) -> CallerKey:
        if self._key_file is None:
            raise ArchiveError("the archive's callers are told by a key, and none is given")
        return caller_key.key_of(connection, self._key_file)

    def purge_expired(self, before: int, most: int = 500) -> int:
        """Remove calls that started before `before` (UNIX seconds), `most` at a time; gives how many."""
        with archive_errors(), write_transaction(self._engine) as connection:
            return retention.remove(connection, before, most)

    def hide(self, how: Caller) -> masking.MaskingResult:
        """Hide callers who were kept when more was shown of them, a piece of the calls at a time."""
        with archive_errors(), write_transaction(self._engine) as connection:
            erasure.lock_erasures(connection)
            return masking.mask_next_batch(connection, how, self._key)

    def count_calls_of(self, number: str) -> int:
        """How many calls of a caller are kept."""
        with archive_errors(), read_transaction(self._engine) as connection:
            require_current(connection)
            return erasure.count(connection, self._key_of(connection), number)

    def erase(self, number: str, at: int) -> int:
        """Forget a caller from `at` (UNIX seconds) on; gives how many calls have been changed."""
        with archive_errors(), write_transaction(self._engine) as connection:
            require_current(connection)
            return erasure.erase(connection, self._key_of(connection), number, at)

    def purge_deleted_data(self) -> bool:
        """Let go of what was overwritten or removed; gives whether nobody stood in the way."""
        with archive_errors():
            return scrub(self._engine)

    def _put_calls(self, connection: Connection, records: list[CallRecord]) -> None:
        if not records:
            return
        ids, removed_to = [record.call.id for record in records], retention.removed_to(connection)
        callers = Callers(self._key, self._hold_forgotten(connection))
        records = list(map(callers.kept, records))
        put = [row_mapping.call_row(record, callers, removed_to) for record in records]
        self._put(connection, schema.calls, put, keep=("counted", "counted_for_teams"))
        for table, children in (
            (schema.tags, row_mapping.tag_rows),
            (schema.comments, row_mapping.comment_rows),
        ):
            connection.execute(delete(table).where(table.c.call_id.in_(ids)))
            self._put(connection, table, children(records))

    def _hold_forgotten(self, connection: Connection) -> frozenset[str]:
        """Return the hashes of callers who are to be forgotten; write rows again that were deleted."""
        found = erasure.lock_erasures(connection)
        erasure.note_again(connection, self._forgotten - found, int(time.time()))
        self._forgotten |= found
        return self._forgotten

    def _add_to_totals(self, connection: Connection, additions: Iterable[CountedCall]) -> None:
        added: Counter[Key] = Counter()
        for addition in additions:
            for key, count in addition.increments:
                added[key] += count
        counts = [{"key": _as_text(key), "value": value} for key, value in added.items()]
        if counts:
            insert = self._insert(schema.totals)
            value = schema.totals.c.value + insert.excluded.value
            connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_={"value": value}), counts
            )

    def _put(
        self, connection: Connection, table: Table, put: list[row_mapping.Row], keep: tuple[str, ...] = ()
    ) -> None:
        """Insert rows, or change those that are there; columns to `keep` stay as they were."""
        if not put:
            return
        insert, keys = self._insert(table), [column.name for column in table.primary_key]
        changed = {name: insert.excluded[name] for name in put[0] if name not in keys and name not in keep}
        statement = (
            insert.on_conflict_do_update(index_elements=keys, set_=changed)
            if changed
            else insert.on_conflict_do_nothing()
        )
        connection.execute(statement, put)

    def _insert(self, table: Table) -> Any:
        return import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}").insert(table)


def _uncounted_for_teams(connection: Connection, most: int) -> tuple[Call, ...]:
    """Return calls that are counted, but not yet for their teams."""
    return tuple(map(row_mapping.call_of, connection.execute(_UNCOUNTED_FOR_TEAMS.limit(most))))


def _not_yet_counted(
    connection: Connection, additions: Iterable[CountedCall], counting: Counting | None
) -> Iterator[CountedCall]:
    """Mark the calls as counted, and yield the additions of those that count and were not marked before.

    Which calls count is decided here and not by the exporter that read them: it may have read them before
    it could open the archive, which has the decision of the first start.
    """
    counts = [a for a in additions if a.stage == "counted" and counting and counting.includes(a.call)]
    for_teams = [a for a in additions if a.stage == "counted_for_teams"]
    of_counted_calls = ~schema.calls.c.counted_for_teams & schema.calls.c.counted
    for stage, those, uncounted in (
        ("counted", counts, ~schema.calls.c.counted),
        ("counted_for_teams", for_teams, of_counted_calls),
    ):
        by_id = {addition.call.id: addition for addition in those}
        ids = iter(by_id)
        while some := list(islice(ids, AT_A_TIME)):
            marked = update(schema.calls).where(schema.calls.c.id.in_(some), uncounted).values({stage: True})
            yield from (by_id[id_] for id_ in connection.scalars(marked.returning(schema.calls.c.id)))


def _totals(connection: Connection, additions: Iterable[CountedCall]) -> dict[Key, int]:
    """The totals as they are now that these could add to."""
    keys = iter({_as_text(key) for addition in additions for key, _ in addition.increments})
    found: dict[Key, int] = {}
    while some := list(islice(keys, AT_A_TIME)):
        query = select(schema.totals).where(schema.totals.c.key.in_(some))
        found |= {_as_key(row.key): row.value for row in connection.execute(query)}
    return found


def _one_of(additions: Iterable[CountedCall], totals: Mapping[Key, int]) -> tuple[str, int] | None:
    """Return a key that was added to, and its total; None if nothing was added."""
    key = next((key for addition in additions for key, _ in addition.increments), None)
    return None if key is None else (_as_text(key), totals[key])


def _as_text(key: Key) -> str:
    return msgspec.json.encode(key).decode()


def _as_key(text: str) -> Key:
    return tuple(msgspec.json.decode(text))
