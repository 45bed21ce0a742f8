"""Test rows that a database cannot store, and databases with another encoding."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import event
from structlog.testing import capture_logs

from exporter.account.recorded_steps import CallStep
from exporter.account.records import Batch, CallRecord, Checkpoint, CountedCall, Counting, SaveResult
from exporter.account.times_in_state import TimeInState
from exporter.aircall.models import Call, CallDetails, Comment, Ref, Tag
from exporter.archive.database import ArchiveError, UnstorableError
from exporter.archive.rejected_items import Saver
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows
from tests.support.search_ways import command

NOW = int(NOON)


def call(id_: int, **fields: object) -> CallRecord:
    base = Call(
        id=id_, direction="inbound", status="done", started_at=NOW, ended_at=NOW + 9, raw_digits="+33 1"
    )
    return CallRecord(replace(base, **fields), CallDetails(), "full")


def batch_of(*records: CallRecord, names: dict | None = None) -> Batch:
    """Return a batch that counts each of its calls."""
    additions = [
        CountedCall(record.call, "counted", ((("calls", "", "", "inbound", "missed"), 1),))
        for record in records
    ]
    by_id = {record.call.id: record for record in records}
    return Batch(by_id, additions, names or {}, progress=Checkpoint(((1, NOW),)), counting=Counting(0))


def test_archive_with_observed_time_replaces_the_total_and_returns_it(archive: Archive) -> None:
    on_break, lunch = ("substatus_seconds", "7", "on_a_break"), ("substatus_seconds", "7", "out_for_lunch")
    for seconds in (30, 35):
        assert archive.save(Batch(measured={on_break: seconds})).totals == {on_break: seconds}
    batch = batch_of(call(1))
    batch.measured = {lunch: 10}
    calls = "calls", "", "", "inbound", "missed"
    assert archive.save(batch).totals == {calls: 1, lunch: 10}
    assert dict(archive.load().totals) == {calls: 1, on_break: 35, lunch: 10}


def test_saver_with_a_call_that_cannot_be_stored_saves_observed_time(archive: Archive) -> None:
    batch = batch_of(call(7, direction=None), call(8, direction=None))
    batch.measured = {("substatus_seconds", "7", "other"): 30}
    saved = []
    with capture_logs():
        Saver(archive, lambda result, _: saved.append(result.totals)).save(batch)
    assert {"substatus_seconds"} == {key[0] for totals in saved for key in totals}
    assert dict(archive.load().totals) == {("substatus_seconds", "7", "other"): 30}


TOO_LARGE = 2**63

UNSTORABLE = [
    call(7, started_at=TOO_LARGE),
    call(7, answered_at=-TOO_LARGE - 1),
    call(7, user=Ref(10**30)),
    call(7, ended_at=10**400),
    call(7, direction=None),
]


@pytest.mark.parametrize("record", UNSTORABLE, ids=["start", "answer", "user", "end", "direction"])
def test_saver_with_a_row_that_cannot_be_stored_saves_the_others(
    archive: Archive, database: str, record: CallRecord
) -> None:
    saver = Saver(archive, lambda *_: None)
    batch = batch_of(call(1), call(2), record, call(3), names={("user", "1"): "Ada"})
    with capture_logs() as logged:
        saver.save(batch)
        saver.save(batch_of(record, call(4)))
    stored = {row.id for row in rows(database)}
    assert not batch
    assert stored - {7} == {1, 2, 3, 4}
    assert saver.rejected == (7 not in stored)
    assert [row.value for row in rows(database, "totals")] == [len(stored)]
    assert [row.name for row in rows(database, "names")] == ["Ada"]
    assert archive.progress() == Checkpoint(((1, NOW),))
    rejected = [line for line in logged if line["event"] == "call rejected by the database"]
    assert [line["call"] for line in rejected] == ([] if 7 in stored else [7])
    assert "+33 1" not in str(logged)
    archive.close()


texts = st.text(st.characters(exclude_categories=()), max_size=40) | st.builds(
    lambda char, times: char * times, st.sampled_from("aäß€😀\x00\ud800"), st.integers(0, 20_000)
)
numbers = st.integers(-(2**70), 2**70) | st.integers(0, 10**11)
records = st.builds(
    lambda id_, at, reason, caller, tag, comment, posted, asset, user: CallRecord(
        Call(
            id=id_,
            direction="inbound",
            status="done",
            started_at=at,
            ended_at=at,
            missed_call_reason=reason[:100],
            raw_digits=caller,
            user=Ref(user),
        ),
        CallDetails(tags=(Tag(tag),), comments=(Comment(comment, posted),), asset=asset),
        "full",
    ),
    st.integers(1, 2**64),
    *(numbers, texts, texts, texts, texts, texts | st.integers(0, 10**12), texts, st.integers(0, 2**64)),
)


@given(found=st.lists(records, max_size=6, unique_by=lambda record: record.call.id))
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@example(found=[call(1, raw_digits="\ud800"), call(2, missed_call_reason="\udfff"), call(TOO_LARGE)])
def test_saver_with_any_rows_saves_the_valid_ones(
    archive: Archive, database: str, found: list[CallRecord]
) -> None:
    saver = Saver(archive, lambda *_: None)
    with capture_logs():
        saver.save(batch_of(*found, call(99)))
    assert 99 in {row.id for row in rows(database)}
    storable = {
        record.call.id
        for record in found
        if all(abs(number) < TOO_LARGE for number in (record.call.id, record.call.started_at))
        and (record.call.user is None or record.call.user.id < TOO_LARGE)
    }
    assert storable <= {row.id for row in rows(database)}


def test_saver_during_a_database_failure_keeps_the_rest_of_the_batch(archive: Archive) -> None:
    batch, tries = batch_of(call(1), call(7, started_at=TOO_LARGE), call(2)), []
    saver = Saver(archive, lambda *_: None)

    def fail(_: object) -> None:
        tries.append(1)
        if len(tries) == 3:
            raise ArchiveError("away")

    event.listen(archive._engine, "begin", fail)
    with capture_logs():
        with pytest.raises(ArchiveError, match="away"):
            saver.save(batch)
        assert batch.records
        assert batch.progress is not None
        saver.save(batch)
    assert saver.rejected == 1
    assert {row.id for row in rows(archive._engine.url.render_as_string(False))} == {1, 2}


def test_saver_with_an_error_that_no_row_causes_rejects_none(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Batch) -> SaveResult:
        raise UnstorableError("IntegrityError")

    monkeypatch.setattr(archive, "save", refuse)
    batch = Batch(progress=Checkpoint(wanted_from=NOW))
    with pytest.raises(UnstorableError):
        Saver(archive, lambda *_: None).save(batch)
    assert batch.progress == Checkpoint(wanted_from=NOW)


ENCODINGS = ["SQL_ASCII", "LATIN1", "LATIN9", "WIN1252", "EUC_JP", "KOI8R"]


def other_encoding(server: Postgres, encoding: str) -> str:
    options = f" ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    return server.database(encoding.lower(), options)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_database_with_other_encoding_is_refused_with_the_remedy(
    postgres_server: Postgres, encoding: str
) -> None:
    database = other_encoding(postgres_server, encoding)
    name = database.rsplit("/", 1)[1]
    for exclusive in (False, True):
        archive = Archive(database, exclusive=exclusive)
        for use in (archive.load, archive.leader_state, archive.progress):
            with pytest.raises(ArchiveError) as refused:
                use()
            assert str(refused.value) == (
                f"the database {name}: found the encoding {encoding}, expected UTF8; create it by"
                f" createdb --encoding=UTF8 --template=template0 {name}"
            )
        archive.close()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("calls", ["--from=1d"]),
        ("forget", ["--yes", "+33 1"]),
        ("forget", ["--dry-run", "+33 1"]),
        ("backfill", ["--from=1d"]),
    ],
)
def test_command_on_database_with_other_encoding_ends_with_one_line(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch, name: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("AIRCALL_API_ID", "id")
    monkeypatch.setenv("AIRCALL_API_TOKEN", "token")
    printed = command(other_encoding(postgres_server, "SQL_ASCII"), *arguments, name=name)
    assert (printed.code, printed.out) == (1, "")
    assert printed.err.startswith(f"aircall-exporter: {name}: the database sql_ascii")
    assert printed.err.count("\n") == 1


def test_exporter_on_database_with_other_encoding_reports_it_and_serves_metrics(
    postgres_server: Postgres,
) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=60, start=NOON)
    archive = Archive(other_encoding(postgres_server, "SQL_ASCII"))
    with capture_logs() as logged, polled(account, archive=archive) as world:
        world.live_until_complete()
        world.live(60)
        assert world.scrape().value("aircall_up") == 1
        assert world.scrape().value("aircall_archive_up") == 0
    problems = [line["problem"] for line in logged if "problem" in line]
    assert len(problems) == 1
    assert "found the encoding SQL_ASCII, expected UTF8" in problems[0]


@pytest.mark.parametrize("variable", ["client_encoding=latin1", "client_encoding=sql_ascii"])
def test_archive_with_another_client_encoding_in_its_url_stores_names(
    postgres_server: Postgres, variable: str
) -> None:
    database = postgres_server.database("client")
    archive = Archive(f"{database}?{variable}")
    archive.load()
    archive.save(Batch(names={("user", "1"): "Łukasz 石川 😀"}))
    archive.close()
    assert [row.name for row in rows(database, "names")] == ["Łukasz 石川 😀"]


@pytest.mark.parametrize("with_calls", [0, 1, 3])
def test_step_that_cannot_be_stored_affects_no_call_and_no_other_step(
    database: str, archive: Archive, with_calls: int
) -> None:
    batch = batch_of(*(call(id_) for id_ in range(1, with_calls + 1)))
    good = tuple(CallStep(1, NOW + second, "ringing", 5) for second in range(4))
    batch.steps = (*good[:2], CallStep(9, -(10**300), "ai_agent"), *good[2:])
    saver = Saver(archive, lambda *_: None)
    with capture_logs() as logged:
        saver.save(batch)
    assert (bool(batch), saver.rejected) == (False, 0)
    assert {row.id for row in rows(database)} == set(range(1, with_calls + 1))
    assert {row.at for row in rows(database, "call_steps")} == {step.at for step in good}
    assert [line["call"] for line in logged if "rejected" in line["event"]] == [9]


@pytest.mark.parametrize("with_calls", [0, 1, 3])
def test_time_that_cannot_be_stored_affects_no_call_and_no_other_time(
    database: str, archive: Archive, with_calls: int
) -> None:
    batch = batch_of(*(call(id_) for id_ in range(1, with_calls + 1)))
    batch.times_in_state = {
        (user, NOW): TimeInState(user, NOW, until, "available", ())
        for user, until in ((1, NOW + 9), (2, 10**300), (3, NOW + 9))
    }
    with capture_logs() as logged:
        Saver(archive, lambda *_: None).save(batch)
    assert not batch
    assert {row.id for row in rows(database)} == set(range(1, with_calls + 1))
    assert {row.user_id for row in rows(database, "times_in_state")} == {1, 3}
    assert [line["user"] for line in logged if "rejected" in line["event"]] == [2]
