"""Test the creation of tables and views, and archives of another version."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, event, inspect, text
from structlog.testing import capture_logs

from exporter.account.records import Batch, CallRecord
from exporter.aircall.menus import MenuTimes
from exporter.aircall.models import Call, CallDetails, Comment
from exporter.archive import schema
from exporter.archive.create_tables import VERSION
from exporter.archive.criteria import Criteria
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from exporter.archive.views import VIEWS
from harness.postgres import Postgres
from tests.support.search_ways import command

START = 1_780_000_000
CALL = Call(id=1, direction="inbound", status="done", started_at=START, ended_at=START)


class KilledError(Exception):
    """Stands for the end of the process."""


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    engine = create_engine(database)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def set_version(database: str, version: int) -> None:
    with connected(database) as connection:
        connection.execute(text(f"UPDATE state SET value = '{version}' WHERE name = 'version'"))


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_archive_of_another_version_is_rejected_and_unchanged(database: str, version: int) -> None:
    Archive(database).load()
    set_version(database, version)
    archive = Archive(database)
    expected = f"schema is at version {version}, expected {VERSION}; use the exporter that created it"
    with pytest.raises(ArchiveError, match=expected):
        archive.load()
    with pytest.raises(ArchiveError, match=expected):
        list(archive.search(Criteria(START, START)))
    printed = command(database, f"--from={START}", "--format=ndjson")
    assert (printed.code, printed.out, printed.err.count("\n")) == (1, "", 1)
    set_version(database, VERSION)
    archive.load()


def test_calls_without_a_newer_column_get_it_and_stay(database: str) -> None:
    archive = Archive(database)
    archive.load()
    archive.save(Batch(records={1: CallRecord(CALL, CallDetails(), "full")}))
    archive.close()
    with connected(database) as connection:
        for view in VIEWS:
            connection.execute(text(f"DROP VIEW {view}"))
        connection.execute(text("DROP INDEX calls_by_start"))
        connection.execute(text("ALTER TABLE calls DROP COLUMN left_menu_at"))
        connection.execute(text("CREATE INDEX calls_by_start ON calls (started_at, id)"))
    archive = Archive(database)
    with pytest.raises(ArchiveError, match=r"left_menu_at.*older exporter.*restart it") as raised:
        list(archive.search(Criteria(START, START)))
    assert "SELECT" not in str(raised.value)
    assert "LINE" not in str(raised.value)
    archive.load()
    left = replace(CALL, id=2, ended_at=START + 20, menus=MenuTimes(left_at=START + 9))
    archive.save(Batch(records={2: CallRecord(left, CallDetails(), "full")}))
    found = {call.id: call.left_menu_at for call in archive.search(Criteria(START, START))}
    assert found == {1: None, 2: START + 9}
    with connected(database) as connection:
        indexes = {index["name"]: index["column_names"] for index in inspect(connection).get_indexes("calls")}
    assert "left_menu_at" in indexes["calls_by_start"]
    archive.close()


def test_load_after_an_interrupted_creation_completes_it(database: str) -> None:
    for last in range(1, 1000):
        with connected(database) as connection:
            for view in inspect(connection).get_view_names():
                connection.execute(text(f"DROP VIEW {view}"))
            schema.metadata.drop_all(connection)
        executed, archive = 0, Archive(database)

        def interrupt(_: object, __: object, statement: str, *___: object) -> None:
            nonlocal executed
            executed += statement.lstrip().startswith(("ALTER", "COMMENT", "CREATE", "INSERT"))
            if executed == last:  # noqa: B023
                raise KilledError

        event.listen(archive._engine, "before_cursor_execute", interrupt)
        try:
            archive.load()
        except KilledError:
            Archive(database).load()
        archive.close()
        with connected(database) as connection:
            assert set(inspect(connection).get_table_names()) >= set(schema.metadata.tables)
            assert set(inspect(connection).get_view_names()) == VIEWS.keys()
        if executed < last:
            break
    assert last > 15


def test_load_without_permission_for_the_extension_keeps_text_search(postgres_server: Postgres) -> None:
    database = postgres_server.database("plain")
    with connected(database) as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT CREATE ON SCHEMA public TO plain"))
    plain = database.replace("aircall@", "plain@")
    archive = Archive(plain)
    with capture_logs() as logs:
        archive.load()
    assert ["CREATE EXTENSION pg_trgm" in line["event"] for line in logs] == [True]
    archive.save(
        Batch(records={1: CallRecord(CALL, CallDetails(comments=(Comment("called back"),)), "full")})
    )
    found = archive.search(Criteria(START, START, texts=("called",)))
    assert [call.id for call in found] == [1]
    with connected(database) as connection:
        connection.execute(text("CREATE EXTENSION pg_trgm"))
    Archive(plain).load()
    with connected(database) as connection:
        assert "calls_by_words" in {index["name"] for index in inspect(connection).get_indexes("calls")}


def test_load_replaces_a_view_only_if_its_definition_has_changed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, executed = Archive(database), list[str]()
    event.listen(archive._engine, "before_cursor_execute", lambda *arguments: executed.append(arguments[2]))
    archive.load()
    executed.clear()
    archive.load()
    assert not [statement for statement in executed if "VIEW" in statement]
    monkeypatch.setitem(VIEWS, "call_tag_names", "SELECT 'VIP' AS tag")
    archive.load()
    with connected(database) as connection:
        assert connection.scalar(text("SELECT tag FROM call_tag_names")) == "VIP"


def test_load_after_a_view_was_dropped_creates_it(database: str) -> None:
    Archive(database).load()
    with connected(database) as connection:
        connection.execute(text("DROP VIEW call_history"))
    Archive(database).load()
    with connected(database) as connection:
        assert connection.execute(text("SELECT * FROM call_history")).all() == []


def test_search_without_views_finds_calls(database: str) -> None:
    archive = Archive(database)
    archive.load()
    archive.save(Batch(records={1: CallRecord(CALL, CallDetails(), "full")}))
    with connected(database) as connection:
        for view in VIEWS:
            connection.execute(text(f"DROP VIEW {view}"))
    assert [call.id for call in archive.search(Criteria(START, START, users=("1",)))] == []
    assert [call.id for call in archive.search(Criteria(START, START))] == [1]
    assert command(database, f"--from={START}", f"--to={START}").code == 0


def test_load_with_a_view_that_another_depends_on_keeps_that_view(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_server.database("dependent")
    Archive(database).load()
    with connected(database) as connection:
        connection.execute(text("CREATE VIEW mine AS SELECT id FROM call_history"))
    monkeypatch.setitem(VIEWS, "call_history", "SELECT id FROM calls")
    with capture_logs() as logs:
        Archive(database).load()
    assert [line["event"] for line in logs] == [
        "views for Grafana not replaced; drop what depends on them, and restart the exporter"
    ]
    with connected(database) as connection:
        connection.execute(text("DROP VIEW mine"))
    Archive(database).load()
    with connected(database) as connection:
        assert [column["name"] for column in inspect(connection).get_columns("call_history")] == ["id"]
