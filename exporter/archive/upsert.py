"""Insert rows, or update existing rows, in the same way on SQLite and PostgreSQL."""

from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table

from exporter.archive.row_mapping import Row


def put(connection: Connection, table: Table, rows: list[Row], keep: tuple[str, ...] = ()) -> None:
    """Insert rows, or update existing ones except for the columns to `keep`."""
    if not rows:
        return
    statement, keys = insert(connection, table), [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys and name not in keep}
    if changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, rows)


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT that accepts ON CONFLICT, of the database's dialect."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)
