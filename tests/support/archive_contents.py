"""Read the tables and files of an archive without the exporter."""

import re
from pathlib import Path

from sqlalchemy import Row, create_engine, inspect, select, text

from exporter.archive import schema


def rows(database: str, table: str = "calls") -> list[Row]:
    """Return the rows of one table."""
    engine = create_engine(database)
    with engine.connect() as connection:
        found = list(connection.execute(select(schema.metadata.tables[table])).all())
    engine.dispose()
    return found


def tables(database: str) -> dict[str, list]:
    """Return the sorted rows of all tables, by the names of the tables.

    Rows that depend on the exporter that loaded the archive are left out.
    """
    engine = create_engine(database)
    with engine.connect() as connection:
        found = {
            table.name: sorted(filter(_is_compared, connection.execute(select(table)).all()), key=_in_order)
            for table in schema.metadata.sorted_tables
        }
    engine.dispose()
    return found


def views(database: str) -> dict[str, list]:
    """Return the rows of all views, by their names."""
    engine = create_engine(database)
    with engine.connect() as connection:
        found = {
            view: list(connection.execute(text(f"SELECT * FROM {view}")).all())
            for view in inspect(connection).get_view_names()
        }
    engine.dispose()
    assert "call_history" in found
    return found


def _is_compared(row: Row) -> bool:
    return not str(row[0]).startswith("session:")


def _in_order(row: Row) -> list[str]:
    return [f"{cell!s:>20}" for cell in row]


def digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def found_in(directory: Path, numbers: set[str]) -> set[str]:
    """Return the numbers that any file contains, in their own format or as digits."""
    content = b"".join(file.read_bytes() for file in directory.iterdir())
    return {number for number in numbers if number.encode() in content or digits(number).encode() in content}


def saved_ids(database: str) -> set[int]:
    """Return the ids of the calls in an archive."""
    return {row.id for row in rows(database)}
