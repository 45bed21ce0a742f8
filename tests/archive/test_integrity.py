"""Test archives that have lost a part: they are recovered completely or rejected, and never count wrongly."""

from collections.abc import Iterable
from itertools import chain, combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from exporter.account.records import Batch, CallRecord, Checkpoint, CountedCall, Counting, LoadedState
from exporter.aircall.models import Call, CallDetails, Comment, Ref, Tag
from exporter.archive import schema
from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError, ReplacedError
from exporter.archive.store import Archive
from harness.postgres import Postgres
from harness.simulated_time import NOON
from tests.support.archive_contents import rows
from tests.support.lost_archives import execute
from tests.support.lost_tables import Lose, delete, drop, truncate

CORE = ("calls", "totals", "state")

START = int(NOON)

DETAILS = CallDetails(tags=(Tag("VIP"),), comments=(Comment("called back"),))


def subsets(*names: str) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, size + 1) for size in range(len(names))))


def batch_of(*ids: int) -> Batch:
    """Return a batch of finished calls, with details, counts, names and progress."""
    calls = [Call(id_, "inbound", "done", START + id_, ended_at=START + id_, user=Ref(1)) for id_ in ids]
    return Batch(
        records={call.id: CallRecord(call, DETAILS, "full") for call in calls},
        counted_calls=[
            addition
            for call in calls
            for addition in (
                CountedCall(call, "counted", ((("calls", "1", "", "inbound", "missed"), 1),)),
                CountedCall(call, "counted_for_teams", ((("team_calls", "7", "inbound", "missed"), 1),)),
            )
        ],
        names={("user", "1"): "Ada"},
        progress=Checkpoint(((START, START + max(ids)),), START),
        counting=Counting(START, START),
    )


ALL = batch_of(*range(1, 7))


def filled(database: str) -> Archive:
    """Return an archive with six calls that were saved in three batches."""
    archive = Archive(database)
    archive.load()
    for ids in ((1, 2, 3), (4,), (5, 6)):
        archive.save(batch_of(*ids))
    return archive


def detects_replacement(archive: Archive) -> bool:
    """Return whether the next heartbeat reports that the archive was replaced."""
    try:
        archive.heartbeat(NOON)
    except ReplacedError:
        return True
    return False


def loaded(archive: Archive) -> LoadedState | None:
    """Return the state of an archive, or None if it is rejected in one line."""
    try:
        with capture_logs():
            return archive.load()
    except ArchiveError as error:
        assert str(error).startswith("the archive is partly lost: found ")
        assert "; restore a backup, or " in str(error)
        assert "\n" not in str(error)
        return None


def assert_right_or_refused(archive: Archive, lost: Iterable[str]) -> None:
    """Assert that counters continue, restart with all calls if all data is lost, or loading is refused."""
    state = loaded(archive)
    if state is None:
        assert {*lost} & {*CORE, "forgotten"}
        return
    saved = archive.save(ALL)
    assert set(saved.totals.values()) == {6}
    if dict(state.totals):
        assert set(dict(state.totals).values()) == {6}
        assert not saved.additions
    else:
        assert {*lost} >= {*CORE}


TABLES = tuple(schema.metadata.tables)


@pytest.mark.parametrize("lose", [drop, truncate])
@pytest.mark.parametrize("lost", [*subsets(*CORE, "names", "call_tags"), ("forgotten",), TABLES])
def test_archive_with_lost_tables_continues_or_begins_again_or_is_refused(
    tmp_path: Path, lost: tuple[str, ...], lose: Lose
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    archive = filled(database)
    lose(database, lost)
    assert detects_replacement(archive) == (lose is drop or bool({*lost} & {*CORE, "names"}))
    assert_right_or_refused(archive, lost)
    archive.close()


@pytest.mark.parametrize("lose", [drop, truncate, delete])
@pytest.mark.parametrize("lost", [*subsets(*CORE), ("names",), ("call_teams", "call_comments"), TABLES])
def test_archive_on_postgresql_with_lost_tables_continues_or_begins_again_or_is_refused(
    postgres_server: Postgres, lost: tuple[str, ...], lose: Lose
) -> None:
    database = postgres_server.database("lost")
    archive = filled(database)
    lose(database, lost)
    assert detects_replacement(archive) == (lose is drop or bool({*lost} & {*CORE, "names"}))
    assert_right_or_refused(archive, lost)
    archive.close()


@pytest.mark.parametrize("lost", [*subsets(*CORE), ("names", "call_tags")])
def test_archive_with_lost_tables_is_right_or_refused_after_a_restart(
    tmp_path: Path, lost: tuple[str, ...]
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    for lose in (delete, drop):
        filled(database).close()
        lose(database, lost)
        archive = Archive(database)
        assert_right_or_refused(archive, lost)
        archive.close()
        (tmp_path / "archive.sqlite").unlink()


@pytest.mark.parametrize(("table", "refused"), [("calls", True), ("totals", True), ("state", False)])
def test_archive_with_an_older_copy_of_a_table_is_right_or_refused(
    database: str, table: str, refused: bool
) -> None:
    """With an older `state`, calls are fetched again, and `calls` says which are counted."""
    archive = filled(database)
    execute(database, f"CREATE TABLE copy AS SELECT * FROM {table}")
    archive.save(batch_of(7))
    restored = [f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM copy"]
    execute(database, *restored)
    assert detects_replacement(archive)
    state = loaded(archive)
    assert (state is None) == refused
    if state is not None:
        assert dict(state.totals) == archive.save(batch_of(*range(1, 8))).totals
    archive.close()


def test_archive_whose_forgotten_callers_are_deleted_continues_to_forget_them(
    database: str, tmp_path: Path
) -> None:
    archive = Archive(database, key_file("", str(tmp_path)))
    archive.load()
    archive.erase("+33 1 22 33 44 55", START)
    archive.save(batch_of(1))
    expected = [row.caller_hash for row in rows(database, "forgotten")]
    delete(database, ["forgotten"])
    call = Call(2, "inbound", "done", START, ended_at=START, raw_digits="+33 1 22 33 44 55")
    archive.save(Batch(records={2: CallRecord(call, DETAILS, "full")}))
    assert [row.caller_hash for row in rows(database, "forgotten")] == expected
    assert [row.caller for row in rows(database) if row.id == 2] == ["forgotten"]
    archive.close()


DAY = 86_400

PHASES = ("done", "initial", "answered")

CHANGES = st.one_of(
    st.tuples(
        st.just("save"),
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 300), st.sampled_from(PHASES)), min_size=1),
    ),
    st.tuples(st.just("delete"), st.sets(st.integers(1, 4), min_size=1)),
    st.tuples(st.just("purge"), st.integers(0, 300)),
    st.tuples(st.sampled_from(["forget", "mask", "backfill", "load"]), st.just(None)),
)


def calls_batch(starts: Iterable[tuple[int, int, str]]) -> Batch:
    """Return a batch with calls by id, start (days ago) and phase."""
    made = [
        Call(id_, "inbound", phase, START - days * DAY, ended_at=START if phase == "done" else None)
        for id_, days, phase in {each[0]: each for each in starts}.values()
    ]
    increments = ((("calls", "1", "", "inbound", "missed"), 1),)
    return Batch(
        records={call.id: CallRecord(replace(call, raw_digits="+33 1 22"), DETAILS, "full") for call in made},
        counted_calls=[CountedCall(call, "counted", increments) for call in made if call.phase == "done"],
        progress=Checkpoint(((0, START),), 0),
        counting=Counting(0, 0),
    )


def change(archive: Archive, kind: str, given: Any) -> None:
    match kind:
        case "save":
            archive.save(calls_batch(given))
        case "delete":
            archive.save(Batch(deleted_ids=given))
        case "purge":
            archive.purge_expired(START - given * DAY, most=2)
        case "forget":
            archive.erase("+33 1 22", START)
        case "mask":
            archive.hide("masked")
        case "backfill":
            archive.set_manual_backfills(((0, START),))
        case "load":
            archive.load()


@settings(max_examples=20)
@given(st.lists(CHANGES, max_size=12))
def test_no_change_by_the_exporter_looks_like_a_loss_and_a_loss_does(changes: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as directory:
        database = f"sqlite:///{directory}/archive.sqlite"
        archive, restarted = (Archive(database, key_file("", directory)) for _ in range(2))
        archive.load()
        for kind, given in changes:
            change(archive, kind, given)
            archive.heartbeat(NOON)
        restarted.load()
        if any(row.status == "done" for row in rows(database)):
            delete(database, ["calls"])
            assert detects_replacement(archive)
        archive.close()
        restarted.close()
