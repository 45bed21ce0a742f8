"""Ways to lose tables of an archive."""

from collections.abc import Callable, Iterable

from tests.support.lost_archives import execute

Lose = Callable[[str, Iterable[str]], None]


def drop(database: str, tables: Iterable[str]) -> None:
    cascade = " CASCADE" if database.startswith("postgresql") else ""
    execute(database, *(f"DROP TABLE {table}{cascade}" for table in tables))


def delete(database: str, tables: Iterable[str]) -> None:
    execute(database, *(f"DELETE FROM {table}" for table in tables))


def truncate(database: str, tables: Iterable[str]) -> None:
    is_server = database.startswith("postgresql")
    execute(database, f"TRUNCATE {', '.join(tables)} CASCADE") if is_server else delete(database, tables)
