"""The edge to the database: where it is, how it is connected to, and its failures as ArchiveError."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

CONNECT_SECONDS = 5
"""How long a connection to a database server may take."""

NOTICING = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, seconds, times and milliseconds: has a server be missed within 20 s that is gone without a word,
whether nothing was asked of it or it was in the middle of something."""

KEPT_STATEMENTS = 16
"""Statements that a SQLite connection keeps: one with hundreds of ids takes a tenth of a megabyte."""

SEARCH_SECONDS = 20
"""How long PostgreSQL may take over one statement of a search."""

_SEARCHING = {
    "statement_timeout": f"{SEARCH_SECONDS}s",
    # An index page costs what any page costs: the default takes the disk for one that has to seek, and
    # reads whole tables instead.
    "random_page_cost": "1.1",
    # A plan made for any period and any text would suit none.
    "plan_cache_mode": "force_custom_plan",
}
"""PostgreSQL's settings for a transaction that searches."""


class ArchiveError(Exception):
    """The database cannot be opened, read or written now; trying again later may work."""


class TakenError(ArchiveError):
    """Another exporter has the archive, where only one at a time may."""


def sqlite_url(directory: str, create: bool = True) -> str:
    """The archive in a directory.

    Raises ArchiveError where the directory cannot be created or, without `create`, has no archive.
    """
    if not create and not (Path(directory) / "archive.sqlite").exists():
        raise ArchiveError(f"{directory}: has no call archive; name the exporter's --storage.path")
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"{directory}: cannot be created: {error.strerror}") from None
    return f"sqlite:///{Path(directory) / 'archive.sqlite'}"


def url_problem(url: str) -> str:
    """What is wrong with the address of a database; nothing where it is fine. No text of it is repeated."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("postgresql", "sqlite"):
            return "is of a kind that is not supported, wanted postgresql+psycopg:// or sqlite://"
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        return "is no address of a database, wanted one such as postgresql+psycopg://user@host/aircall"
    except ImportError:
        return "needs a driver that is not installed; it comes with the exporter's extra `postgres`"
    return ""


def engine_for(url: str, **pool: int) -> Engine:
    """The database at `url` (SQLAlchemy's form), connected to by the first use."""
    parsed = make_url(url)
    own: dict[str, Any] = {
        "postgresql": {"connect_timeout": CONNECT_SECONDS, **NOTICING},
        "sqlite": {"cached_statements": KEPT_STATEMENTS},
    }
    connect = own.get(parsed.get_backend_name(), {})
    engine = create_engine(parsed, pool_pre_ping=True, connect_args=connect, **pool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, tables that it creates or changes included."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else Python begins only with the first row
        yield connection


def scrub(engine: Engine) -> bool:
    """Let go of what was overwritten or removed; gives whether nobody stood in the way.

    SQLite keeps it in its write-ahead log, PostgreSQL in its tables, where its room is then used again.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM calls, call_tags, call_comments")
            return True
        busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy


@contextmanager
def searching(engine: Engine) -> Iterator[Connection]:
    """A connection that reads only, and not for ever."""
    with engine.connect().execution_options(postgresql_readonly=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(*(func.set_config(*each, True) for each in _SEARCHING.items())))
        yield connection


@contextmanager
def archive_errors() -> Iterator[None]:
    """Turn the database's failures into ArchiveError, without statements and parameters: these hold
    callers' numbers."""
    try:
        yield
    except SQLAlchemyError as error:
        raise ArchiveError(" ".join(str(getattr(error, "orig", None) or error).split())) from error


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",  # what is removed or hidden is overwritten in the file
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
