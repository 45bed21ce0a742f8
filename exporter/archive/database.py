"""Connect to the database, begin transactions, and raise its failures as ArchiveError."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)

from exporter.archive import open_connections
from exporter.archive.error_messages import add_file, code, message
from exporter.durable_files import make_directory

CONNECT_SECONDS = 5
"""Timeout of connecting to a database server, in seconds."""

TCP_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, seconds, times and milliseconds. Detects within 20 s a server that disappeared, whether the
connection is idle or in the middle of a statement."""

STATEMENT_CACHE_SIZE = 16
"""Statements that a SQLite connection caches. One with hundreds of ids takes about 100 kB."""

SQLITE_LOCK_SECONDS = 5.0
"""Seconds that a statement waits for the lock of another process on a SQLite file before it fails."""

SEARCH_SECONDS = 20
"""Timeout of one statement of a search on PostgreSQL, in seconds."""

_SEARCH_SETTINGS = {
    "standard_conforming_strings": "on",
    "statement_timeout": f"{SEARCH_SECONDS}s",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",  # a client may read slowly
    # Random reads cost about as much as sequential ones on SSDs. The default assumes disks that seek, and so
    # prefers scans of whole tables.
    "random_page_cost": "1.1",
    # A generic plan for all periods and texts would be slow for most.
    "plan_cache_mode": "force_custom_plan",
}
"""PostgreSQL's settings for a transaction that searches."""


class ArchiveError(Exception):
    """The database cannot be opened, read or written now. A retry may work."""


class LostLeadershipError(ArchiveError):
    """Another exporter leads. Only one at a time may."""


class ReplacedError(ArchiveError):
    """The database is not the one that was loaded. It has to be loaded again."""


class UnstorableError(ArchiveError):
    """The database rejected a value. The message does not contain the value."""


def sqlite_url(directory: str, create: bool = True) -> str:
    """Return the address of the SQLite archive in a directory, which is created.

    Raises:
        ArchiveError: The directory cannot be created or, without `create`, has no archive.
    """
    try:
        directory.encode()
    except UnicodeEncodeError:
        raise ArchiveError(f"{directory}: is not UTF-8, expected a directory whose name is") from None
    if not create and not (Path(directory) / "archive.sqlite").exists():
        raise ArchiveError(f"{directory}: has no call archive; name the exporter's --storage.path")
    try:
        make_directory(Path(directory))
    except OSError as error:
        raise ArchiveError(f"{directory}: cannot be created: {error.strerror}") from None
    address = URL.create("sqlite", database=str(Path(directory) / "archive.sqlite"))
    return address.render_as_string(hide_password=False)


def engine_for(url: str, **pool: int) -> Engine:
    """Return an engine for the database at `url` (SQLAlchemy's form). The first use connects."""
    parsed = make_url(url)
    own: dict[str, Any] = {
        "postgresql": {
            "connect_timeout": CONNECT_SECONDS,
            "client_encoding": "utf8",
            "prepare_threshold": None,  # behind a connection pooler, statements are prepared elsewhere
            **TCP_KEEPALIVE,
        },
        "sqlite": {"cached_statements": STATEMENT_CACHE_SIZE, "timeout": SQLITE_LOCK_SECONDS},
    }
    connect = own.get(parsed.get_backend_name(), {})
    options: dict[str, Any] = {**pool, "connect_args": connect, "pool_pre_ping": True}
    if parsed.get_backend_name() == "postgresql":
        # a save that waits for `forget` must see what it has committed, whatever the server's default is
        options["isolation_level"] = "READ COMMITTED"
    engine = create_engine(parsed, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "handle_error", add_file)
    else:
        event.listen(engine, "connect", _require_utf8)
        open_connections.remember(engine)
    return engine


LOCK_SECONDS = 10.0
"""Seconds that a write statement waits for a lock of another PostgreSQL session before it fails."""

IDLE_SECONDS = 30.0
"""Seconds that PostgreSQL waits for the next statement of a write transaction before it ends the session.

The transaction holds locks, and PostgreSQL may not notice that the client disappeared."""

_WRITE_SETTINGS = text(
    "SELECT set_config('standard_conforming_strings', 'on', true),"
    " set_config('statement_timeout', '0', true),"
    " set_config('lock_timeout', :lock, true),"
    " set_config('idle_in_transaction_session_timeout', :idle, true),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)
"""PostgreSQL's settings for a transaction that writes, in place of the defaults of the server or role.

Creating an index may take minutes, so no statement has a time limit.

A server or role may be configured not to wait until a transaction is on disk. Then an exposed counter could
decrease after a power loss. Of the values of `synchronous_commit`, only `off` does not wait."""


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Yield the connection of a write transaction, which is on disk once it is committed.

    On PostgreSQL, waiting too long for a lock or for the next statement ends it with an error.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # otherwise Python begins it at the first changed row
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            seconds = {"lock": LOCK_SECONDS, "idle": IDLE_SECONDS}
            connection.execute(
                _WRITE_SETTINGS, {name: f"{1000 * value:.0f}ms" for name, value in seconds.items()}
            )
        yield connection


def scrub(engine: Engine) -> bool:
    """Purge overwritten and deleted data. Return False if a reader prevented it.

    SQLite has such data in its write-ahead log, PostgreSQL in its tables, which then reuse the space.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM calls, call_tags, call_comments")
            return True
        busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy


def size(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    of_postgresql = "SELECT pg_database_size(current_database())"
    of_sqlite = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    is_sqlite = connection.dialect.name == "sqlite"
    return int(connection.exec_driver_sql(of_sqlite if is_sqlite else of_postgresql).scalar_one())


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a read-only connection, with a timeout of `SEARCH_SECONDS` per statement on PostgreSQL."""
    with engine.connect().execution_options(postgresql_readonly=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(*(func.set_config(*each, True) for each in _SEARCH_SETTINGS.items())))
        yield connection


@contextmanager
def archive_errors() -> Iterator[None]:
    """Raise the database's failures as ArchiveError.

    Messages do not contain statements and parameters, because these contain callers' numbers.
    """
    try:
        yield
    except (UnicodeError, OverflowError) as error:  # raised by the driver, before the database is used
        raise UnstorableError(_type_of(error)) from error
    except SQLAlchemyError as error:
        if _is_data_error(error):
            raise UnstorableError(_type_of(getattr(error, "orig", error))) from None
        raise ArchiveError(message(error)) from error


def breaks_connection(error: ArchiveError) -> bool:
    """Return whether only a new connection can work.

    The present one has another file open, or is connected to a server that has become read-only.
    """
    cause = getattr(error.__cause__, "orig", None)
    if getattr(cause, "sqlstate", None) == "25006":
        return True
    name = str(getattr(cause, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR"))


def lacks_table(error: DBAPIError) -> bool:
    """Return whether a statement failed because one of its tables is missing."""
    cause = error.orig
    return getattr(cause, "sqlstate", None) == "42P01" or str(cause).startswith("no such table")


def kind_of_failure(error: ArchiveError) -> str:
    """Return the error code of the database or driver, such as `SQLITE_FULL` or `55P03`."""
    cause = getattr(error.__cause__, "orig", None)
    return code(cause) or type(cause or error).__name__


def _is_data_error(error: SQLAlchemyError) -> bool:
    """Return whether the database rejected the data. A retry would fail, too."""
    if isinstance(error, DataError | IntegrityError):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return state[:2] in ("21", "22", "23", "54")


def _type_of(error: object) -> str:
    """Return the type of an error. Its message may contain a value, such as a caller's number."""
    reason = f": {error.reason}" if isinstance(error, UnicodeEncodeError) else ""
    return type(error).__name__ + reason


def _require_utf8(connection: Any, _: object) -> None:
    found = connection.info.parameter_status("server_encoding")
    if found not in (None, "UTF8"):
        name = connection.info.dbname
        connection.close()
        raise ArchiveError(
            f"the database {name}: found the encoding {found}, expected UTF8; create it by"
            f" createdb --encoding=UTF8 --template=template0 {name}"
        )


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # in WAL mode only FULL writes each transaction to disk before it counts as saved
        "fullfsync=ON",  # macOS: also out of the drive's cache
        "checkpoint_fullfsync=ON",
        "foreign_keys=ON",
        "secure_delete=ON",  # deleted and masked data is overwritten in the file
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
