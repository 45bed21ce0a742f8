"""An archive of an older version opens in this one, whatever interrupts it, and is then like a new one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, insert, inspect, select, text
from structlog.testing import capture_logs

from exporter.account.records import Checkpoint
from exporter.archive import migrations, schema
from exporter.archive.criteria import Criteria
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive
from tests.archive.postgres import Postgres
from tests.archive.ways import command

VERSION_1 = Path(__file__).with_name("version1.sql").read_text(encoding="utf-8")
CALLS = 7
START = 1_780_000_000
NEW = {"assigned_to_id", "caller_hash", "words"}
CALL = {
    "direction": "inbound",
    "status": "done",
    "outcome": "missed",
    "missed_call_reason": "no_available_agent",
    "caller": "+33 1 22",
    "caller_digits": "33122",
    "recorded": False,
    "voicemail": True,
    "counted": True,
    "counted_for_teams": True,
}


class KilledError(Exception):
    """Stands for the end of the process."""


@contextmanager
def opened(database: str) -> Iterator[Any]:
    engine = create_engine(database)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def make_version_1(database: str) -> None:
    """An archive as the first version left it, with a few calls in it."""
    with opened(database) as connection:
        statements = VERSION_1.split(";\n")[:-1]
        for statement in statements:
            if connection.dialect.name == "postgresql" or "COMMENT ON" not in statement:
                connection.exec_driver_sql(statement)
        calls = [CALL | {"id": n, "started_at": START + n, "user_id": 456} for n in range(CALLS)]
        connection.execute(insert(schema.calls), calls)
        connection.execute(insert(schema.tags), [{"call_id": n, "name": f"Größe {n}"} for n in range(CALLS)])
        said = [{"call_id": 3, "position": n, "content": f"Called  back {n}"} for n in range(2)]
        connection.execute(insert(schema.comments), said)
        connection.execute(insert(schema.teams), [{"call_id": 3, "team_id": "678"}])
        connection.execute(insert(schema.names), [{"kind": "user", "id": "456", "name": "Ada"}])
        connection.execute(insert(schema.totals), [{"key": '["calls","456"]', "value": 7}])
        progress = '{"read_to":1780000100.0,"counted_from":1779999000.0,"gaps":[[1779999300,1779999399]]}'
        rows = [{"name": "version", "value": "1"}, {"name": "progress", "value": progress}]
        connection.execute(insert(schema.state), rows)


def contents(database: str) -> dict[str, list[dict[str, Any]]]:
    """Everything in the tables of version 1, but for what changes when any archive is loaded."""
    with opened(database) as connection:
        return {
            table.name: [
                {name: value for name, value in row.items() if name not in NEW}
                for row in connection.execute(text(f"SELECT * FROM {table.name} ORDER BY 1, 2")).mappings()
                if not str(row.get("name")).startswith(
                    ("version", "lifted", "progress", "session:", "saved_last")
                )
            ]
            for table in schema.metadata.sorted_tables
            if table is not schema.forgotten
        }


def shape(database: str) -> dict[str, Any]:
    """All tables' columns, keys and indexes."""
    with opened(database) as connection:
        inspected = inspect(connection)
        columns, indexes = inspected.get_multi_columns(), inspected.get_multi_indexes()
        return {
            "columns": {table: list(map(_plain, found)) for table, found in columns.items()},
            "indexes": {table: sorted(map(_plain, found)) for table, found in indexes.items()},
            "keys": [inspected.get_multi_pk_constraint(), inspected.get_multi_foreign_keys()],
        }


def _plain(found: Mapping[str, Any]) -> str:
    return str(sorted(found.items(), key=str))


def words_of(database: str) -> list[str]:
    with opened(database) as connection:
        return list(connection.scalars(select(schema.calls.c.words).order_by(schema.calls.c.id)))


EXPECTED_WORDS = [f"+33 1 22\n33122\nno_available_agent\ngrösse {n}" for n in range(CALLS)]
EXPECTED_WORDS[3] += "\ncalled back 0\ncalled back 1"


def fresh_shape(new_database: Callable[[], str]) -> dict[str, Any]:
    database = new_database()
    Archive(database).load()
    return shape(database)


def test_a_lifted_archive_is_like_a_new_one(new_database: Callable[[], str]) -> None:
    database = new_database()
    make_version_1(database)
    before = contents(database)
    memory = Archive(database).load()
    assert shape(database) == fresh_shape(new_database)
    assert contents(database) == before
    assert all(rows for table, rows in before.items() if table != "state")
    assert words_of(database) == EXPECTED_WORDS
    assert list(memory.totals) == [(("calls", "456"), 7)]
    assert memory.progress == Checkpoint(
        counted_from=1779999000.0,
        covered=((1779999000, 1779999299), (1779999400, 1780000040)),
        wanted_from=1779999000,
    )
    found = Archive(database).search(Criteria(START, START + 10, texts=("CALLED BACK",)))
    assert [call.id for call in found] == [3]


def test_an_archive_that_is_not_lifted_yet_is_not_searched(database: str) -> None:
    make_version_1(database)
    with pytest.raises(ArchiveError, match="schema is at version 1, expected 3; start the exporter"):
        list(Archive(database).search(Criteria(START, START)))
    printed = command(database, f"--from={START}", "--format=json")
    assert (printed.code, printed.out, printed.err.count("\n")) == (1, "", 1)


CHANGES = ("ALTER", "COMMENT", "UPDATE", "DELETE", "INSERT", "DROP", "CREATE")


def test_lifting_goes_on_wherever_it_was_interrupted(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "BATCH_SIZE", 3)
    expected, database = fresh_shape(new_database), new_database()
    for last in range(1, 1000):
        with opened(database) as connection:
            schema.metadata.drop_all(connection)
        make_version_1(database)
        before, executed, archive = contents(database), 0, Archive(database)

        def interrupt(_: object, __: object, statement: str, *___: object) -> None:
            nonlocal executed
            executed += statement.startswith(CHANGES)
            if executed == last:  # noqa: B023
                raise KilledError

        event.listen(archive._engine, "before_cursor_execute", interrupt)
        with suppress(KilledError):
            archive.load()
        archive.close()
        Archive(database).load()
        assert (words_of(database), contents(database)) == (EXPECTED_WORDS, before)
        assert shape(database) == expected
        if executed < last:
            break
    assert last > 15


def test_without_leave_for_the_extension_free_text_is_found_all_the_same(postgres_server: Postgres) -> None:
    database = postgres_server.database("plain")
    with opened(database) as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT CREATE ON SCHEMA public TO plain"))
    plain = database.replace("aircall@", "plain@")
    with capture_logs() as logs:
        Archive(plain).load()
    assert ["CREATE EXTENSION pg_trgm" in line["event"] for line in logs] == [True]
    with opened(database) as connection:
        call = CALL | {"id": 1, "started_at": START, "words": "called back"}
        connection.execute(insert(schema.calls), call)
    found = Archive(plain).search(Criteria(START, START, texts=("called",)))
    assert [call.id for call in found] == [1]
    with opened(database) as connection:
        connection.execute(text("CREATE EXTENSION pg_trgm"))
    Archive(plain).load()
    assert "calls_by_words" in str(shape(database))
