"""Store calls, counters and names in one SQLite or PostgreSQL database, one transaction per batch."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, delete, select

from exporter.account.records import (
    MAX_FOR_TEAMS,
    MAX_STARTS,
    Batch,
    CallRecord,
    Checkpoint,
    LoadedState,
    SaveResult,
    TimeRange,
    UserStates,
)
from exporter.archive import (
    call_deletion,
    caller_key,
    erasure,
    integrity,
    leader_election,
    masking,
    metadata_table,
    row_mapping,
    schema,
    simulated_guard,
    totals,
)
from exporter.archive.call_back_changes import FollowedCallBacks
from exporter.archive.call_backs import caller_keys
from exporter.archive.call_teams import save_teams
from exporter.archive.caller_key_file import CallerKey, KeyFile
from exporter.archive.caller_privacy import Callers
from exporter.archive.create_tables import prepare, require_preparable
from exporter.archive.database import (
    ArchiveError,
    archive_errors,
    breaks_connection,
    engine_for,
    read_transaction,
    write_transaction,
)
from exporter.archive.known_menus import has_menus, menus_of_active_calls, with_known_menus
from exporter.archive.reader import ArchiveReader
from exporter.archive.replaced_database import Session
from exporter.archive.reported_calls import done_calls
from exporter.archive.sqlite_files import OpenFiles
from exporter.archive.upsert import put
from exporter.config.database_url import file_of
from exporter.config.settings import Caller

T = TypeVar("T")

_IS_ACTIVE = schema.calls.c.status != "done"
_NEWEST_STARTS = (
    select(schema.calls.c.started_at).distinct().order_by(schema.calls.c.started_at.desc()).limit(MAX_STARTS)
)


class Served(NamedTuple):
    """The last heartbeat: when (UNIX seconds), and of which exporter."""

    at: float
    by: str


class Archive(ArchiveReader):
    """The call archive. Every method raises ArchiveError if the database fails."""

    def __init__(
        self, url: str, key_file: KeyFile | None = None, simulated: bool = False, exclusive: bool = False
    ) -> None:
        """Use the database at `url`. The first use connects to it.

        Args:
            url: The address, in SQLAlchemy's form.
            key_file: The key that callers are hashed with. Without it, they have no hash.
            simulated: The account is simulated. The next exporter that loads the archive empties it.
            exclusive: On PostgreSQL only: methods raise LostLeadershipError while another exclusive archive
                is open, or if one has been open since this one was loaded.
        """
        self._name, self.exclusive, self.simulated = secrets.token_hex(8), exclusive, simulated
        self._has_heartbeat = False  # whether the latest heartbeat was this exporter's own
        super().__init__(url, key_file)
        if exclusive:
            self._engine = engine_for(url, pool_size=1, max_overflow=0)
            leader_election.lock_with_each_session(self._engine, self._name)
        self._key: CallerKey | None = None
        self._forgotten: frozenset[str] = frozenset()
        self._session = Session()
        self._loads = 0
        self.file = file_of(self._engine.url)
        """The file of a SQLite archive."""
        self._call_backs = FollowedCallBacks()
        self._files = None if self.file is None else OpenFiles(self._engine, self.file)

    def reconnect_after(self, error: ArchiveError) -> None:
        """Close connections after an error that only a new connection can resolve."""
        if breaks_connection(error):
            self._engine.dispose()

    def leader_activity(self) -> object:
        """Return a value that changes every few seconds while another exporter works on the archive."""
        with archive_errors(), read_transaction(self._search_engine) as connection:
            return leader_election.leader_activity(connection)

    def end_silent(self) -> bool:
        """End the session of the exporter that leads. Return whether there was one."""
        with archive_errors(), self._search_engine.begin() as connection:
            return leader_election.end_silent(connection)

    def leader_state(self) -> leader_election.LeaderState:
        """Return whether an exporter leads."""
        with archive_errors(), read_transaction(self._search_engine) as connection:
            return leader_election.read_leader_state(connection)

    def require_loadable(self) -> None:
        """Raise ArchiveError if an exclusive archive could not be loaded. Takes no lock."""
        with archive_errors(), read_transaction(self._search_engine) as connection:
            require_preparable(connection)
            if self._key_file is not None:
                caller_key.require_key(connection, self._key_file)

    def leads(self) -> bool:
        """Return whether no other exporter has led since this one. Uses a new session, and never hangs."""
        with archive_errors():
            self._search_engine.dispose()  # its connections may be dead unnoticed
            return leader_election.is_led_now(self._search_engine, self._name)

    def release_leadership(self) -> None:
        """Record that no exporter leads, so that another can take over at once."""
        with archive_errors(), write_transaction(self._engine) as connection:
            leader_election.release(connection, self._name)

    def load(self, create: bool = True) -> LoadedState:
        """Open the archive, create its tables, and return its state.

        Call this again after a ReplacedError. Raises ArchiveError then for a missing file, unless `create`.
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
                    totals=totals.all_totals(connection),
                    progress=metadata_table.progress(connection),
                    names={(row.kind, row.id): row.name for row in connection.execute(select(schema.names))},
                    pending_team_counts=totals.uncounted_for_teams(connection, MAX_FOR_TEAMS),
                    unfinished_ids=frozenset(connection.scalars(select(schema.calls.c.id).where(_IS_ACTIVE))),
                    menus=menus_of_active_calls(connection),
                    has_menus=has_menus(connection),
                    purged_before=call_deletion.removed_to(connection),
                    counting=metadata_table.counting(connection),
                    newest=tuple(connection.scalars(_NEWEST_STARTS)),
                    user_series=metadata_table.user_series(connection),
                )
            self._session.committed()
            self._loads, self._call_backs = self._loads + 1, FollowedCallBacks()
            return memory

    @contextmanager
    def _exporter_transaction(self) -> Iterator[Connection]:
        """Begin a transaction of the exporter that has loaded the archive.

        Raises:
            ReplacedError: The database is not as this exporter left it.
            LostLeadershipError: Another exporter has led since.
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
        """Save a batch in one transaction."""
        with self._exporter_transaction() as connection:
            simulated_guard.require(connection, self.simulated)
            masking.record_visibility(connection, {record.shown for record in batch.records.values()})
            self._put_calls(connection, list(batch.records.values()))
            metadata_table.write_user_series(connection, batch.user_series)
            counting = metadata_table.decide_counting(connection, batch.counting)
            fresh = tuple(totals.mark_counted(connection, batch.counted_calls, counting))
            totals.add(connection, fresh)
            totals.replace(connection, batch.measured)
            save_teams(connection, fresh, batch.teams)
            callers = caller_keys(connection, batch.deleted_ids)
            call_deletion.remove_deleted(connection, batch.deleted_ids)
            put(connection, schema.steps, row_mapping.step_rows(batch.steps))
            put(connection, schema.times_in_state, row_mapping.time_rows(batch.times_in_state.values()))
            put(connection, schema.names, row_mapping.name_rows(batch.names))
            if batch.progress is not None:
                metadata_table.write(connection, metadata_table.PROGRESS, batch.progress)
            most = batch.for_teams_requested
            uncounted = totals.uncounted_for_teams(connection, most) if most else None
            of_day = None if batch.day_requested is None else done_calls(connection, batch.day_requested)
            followed = self._call_backs.follow(connection, batch, counting, self._key, callers)
            values = totals.current_values(connection, batch.counted_calls) | followed.totals
            one = totals.one_of(fresh, values)
            integrity.note(connection, batch.records.values(), one, bool(batch.names))
            values |= batch.measured
        self._call_backs.committed()
        return SaveResult(fresh, values, uncounted, batch.ring_attempts, of_day, followed.changes)

    def progress(self) -> Checkpoint | None:
        """Return the checkpoint, or None if there is none."""
        return self._noted(metadata_table.PROGRESS, Checkpoint)

    def manual_backfills(self) -> tuple[TimeRange, ...]:
        """Return the ranges that were requested by the command `backfill`."""
        return self._noted(metadata_table.MANUAL_BACKFILLS, tuple[TimeRange, ...]) or ()

    def set_manual_backfills(self, spans: tuple[TimeRange, ...]) -> None:
        """Request ranges of the past, in place of earlier ones."""
        self._note(metadata_table.MANUAL_BACKFILLS, spans)

    def last_heartbeat(self) -> float | None:
        """Return the time of the last heartbeat of any exporter (UNIX seconds), or None."""
        served = self._noted(metadata_table.HEARTBEAT, Served)
        return None if served is None else served.at

    def heartbeat(self, at: float) -> bool:
        """Save that this exporter runs at `at` (UNIX seconds), or that it stops (0).

        Returns whether another exporter has saved a heartbeat since the previous one of this exporter. The
        times are not compared, because clocks may be wrong.
        """
        with self._exporter_transaction() as connection:
            found = metadata_table.read(connection, metadata_table.HEARTBEAT, Served)
            metadata_table.write(connection, metadata_table.HEARTBEAT, Served(at, self._name))
        is_first, self._has_heartbeat = not self._has_heartbeat, True
        return not is_first and found is not None and found.by != self._name and found.at > 0

    def user_states(self) -> UserStates:
        """Return the user states that were saved last."""
        return self._noted(metadata_table.USER_STATES, dict[int, tuple[str, float]]) or {}

    def save_user_states(self, states: UserStates) -> None:
        """Save the user states, in place of earlier ones."""
        self._note(metadata_table.USER_STATES, states)

    def _noted(self, name: str, kind: type[T]) -> T | None:
        with archive_errors(), read_transaction(self._engine) as connection:
            return metadata_table.read(connection, name, kind)

    def _note(self, name: str, value: object) -> None:
        with archive_errors(), write_transaction(self._engine) as connection:
            metadata_table.write(connection, name, value)

    def purge_expired(self, before: int, most: int = 500) -> int:
        """Delete up to `most` calls that started before `before` (UNIX seconds). Return how many."""
        with archive_errors(), write_transaction(self._engine) as connection:
            return call_deletion.remove(connection, before, most)

    def hide(self, how: Caller) -> masking.MaskingResult:
        """Mask callers of the next calls that show more than `how` allows."""
        with archive_errors(), write_transaction(self._engine) as connection:
            erasure.lock_erasures(connection)
            return masking.mask_next_batch(connection, how, self._key)

    def _put_calls(self, connection: Connection, records: list[CallRecord]) -> None:
        if not records:
            return
        ids, removed_to = [record.call.id for record in records], call_deletion.removed_to(connection)
        callers = Callers(self._key, self._lock_erasures(connection))
        records = list(map(callers.redacted, with_known_menus(connection, records)))
        rows = [row_mapping.call_row(record, callers, removed_to) for record in records]
        put(connection, schema.calls, rows, keep=("counted", "counted_for_teams"))
        for table, children in (
            (schema.tags, row_mapping.tag_rows),
            (schema.comments, row_mapping.comment_rows),
        ):
            connection.execute(delete(table).where(table.c.call_id.in_(ids)))
            put(connection, table, children(records))

    def _lock_erasures(self, connection: Connection) -> frozenset[str]:
        """Return the hashes of erased callers. Inserts rows again that were deleted."""
        found = erasure.lock_erasures(connection)
        erasure.note_again(connection, self._forgotten - found, int(time.time()))
        self._forgotten |= found
        return self._forgotten
