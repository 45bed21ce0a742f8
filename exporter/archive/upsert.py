"""Insert rows, or update existing rows, in the same way on SQLite and PostgreSQL."""

from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table

from exporter.archive.row_mapping import Row


def put(connection: Connection, table: Table, rows: list[Row], keep: tuple[str, ...] = ()) -> None:
    """Insert rows, or update existing ones except for the columns to `keep`."""
    if rows:
        connection.execute(_statement(connection.dialect.name, table, tuple(rows[0]), keep), rows)


@cache
def _statement(dialect: str, table: Table, columns: tuple[str, ...], keep: tuple[str, ...]) -> Any:
    """Return the statement, which takes longer to build than to execute."""
    statement, keys = _insert(dialect, table), [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in columns if name not in keys and name not in keep}
    if not changed:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT that accepts ON CONFLICT, of the database's dialect."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> Any:
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
