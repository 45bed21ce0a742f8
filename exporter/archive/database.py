"""The edge to the database: where it is, how it is connected to, and its failures as ArchiveError."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from exporter.durable import make_directory

DRIVERS = ("postgresql+psycopg", "sqlite", "sqlite+pysqlite")
WANTED = "wanted postgresql+psycopg://user@host/aircall or a file such as sqlite:////data/archive.sqlite"
IN_MEMORY = "found a SQLite database in memory, which loses all calls and counters at the end of the process"

CONNECT_SECONDS = 5
"""How long a connection to a database server may take."""

TCP_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, seconds, times and milliseconds: has a server be missed within 20 s that is gone without a word,
whether nothing was asked of it or it was in the middle of something."""

STATEMENT_CACHE_SIZE = 16
"""Statements that a SQLite connection keeps: one with hundreds of ids takes a tenth of a megabyte."""

SEARCH_SECONDS = 20
"""How long PostgreSQL may take over one statement of a search."""

_SEARCH_SETTINGS = {
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


class LostLeadershipError(ArchiveError):
    """Another exporter has the archive, where only one at a time may."""


class ReplacedError(ArchiveError):
    """The database is not the one that was loaded: it has to be loaded again."""


class UnstorableError(ArchiveError):
    """The database works and does not accept a value; its text does not repeat the value."""


def sqlite_url(directory: str, create: bool = True) -> str:
    """The archive in a directory.

    Raises ArchiveError where the directory cannot be created or, without `create`, has no archive.
    """
    if not create and not (Path(directory) / "archive.sqlite").exists():
        raise ArchiveError(f"{directory}: has no call archive; name the exporter's --storage.path")
    try:
        make_directory(Path(directory))
    except OSError as error:
        raise ArchiveError(f"{directory}: cannot be created: {error.strerror}") from None
    return f"sqlite:///{Path(directory) / 'archive.sqlite'}"


def url_problem(url: str) -> str:
    """What is wrong with the address of a database; nothing where it is fine. No text of it is repeated."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("postgresql", "sqlite"):
            return "is of a kind that is not supported, wanted postgresql+psycopg:// or sqlite://"
        dialect = parsed.get_dialect()
        if parsed.drivername not in DRIVERS:
            return f"found the driver {parsed.drivername}, which is not supported, {WANTED}"
        if parsed.get_backend_name() == "sqlite" and is_in_memory(parsed):
            return f"{IN_MEMORY}, {WANTED}"
        dialect.import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        return "is no address of a database, wanted one such as postgresql+psycopg://user@host/aircall"
    except ImportError:
        return "needs a driver that is not installed; it comes with the exporter's extra `postgres`"
    return ""


def is_in_memory(url: URL) -> bool:
    """Whether SQLite keeps this database in memory, or in a temporary file that it deletes at the end.

    This notices what is plainly written, without opening anything; `files.file_problem` notices the rest.
    """
    name = url.database or ""
    if not is_file_uri(url):
        return name in ("", ":memory:")
    path, _, options = name.removeprefix("file:").partition("?")
    given = {f"{key}={value}" for key, value in url.query.items()} | set(options.split("&"))
    return unquote(path) in ("", ":memory:") or bool({"mode=memory", "vfs=memdb"} & given)


def is_file_uri(url: URL) -> bool:
    """Whether SQLite reads the name of the database as a URI of its own."""
    return "uri" in url.query and (url.database or "").startswith("file:")


def engine_for(url: str, **pool: int) -> Engine:
    """The database at `url` (SQLAlchemy's form), connected to by the first use."""
    parsed = make_url(url)
    own: dict[str, Any] = {
        "postgresql": {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8", **TCP_KEEPALIVE},
        "sqlite": {"cached_statements": STATEMENT_CACHE_SIZE},
    }
    connect = own.get(parsed.get_backend_name(), {})
    engine = create_engine(parsed, pool_pre_ping=True, connect_args=connect, **pool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        event.listen(engine, "connect", _require_utf8)
    return engine


LOCK_SECONDS = 10.0
"""How long PostgreSQL waits for a lock of another session before a statement that writes fails."""

LOCK_TIMEOUT = "55P03"
"""PostgreSQL's code of the error that ends such a wait."""

IDLE_SECONDS = 30.0
"""How long PostgreSQL waits for the next statement of a transaction that writes before it ends the session.

The transaction has locks, and PostgreSQL may not notice that the client's side of a connection is gone."""

_WRITING = text(
    "SELECT set_config('lock_timeout', :lock, true),"
    " set_config('idle_in_transaction_session_timeout', :idle, true),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)
"""PostgreSQL's settings for a transaction that writes.

A server or role may not wait until a transaction is on disk, and a counter that was exposed would fall after
a power loss. Of the values of `synchronous_commit` only `off` does not wait."""


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Yield the connection of a transaction; it is on disk once it is committed, also changes of tables.

    PostgreSQL ends it with an error if it waits for a lock for long, or for the next statement.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else Python begins only with the first row
        else:
            seconds = {"lock": LOCK_SECONDS, "idle": IDLE_SECONDS}
            connection.execute(_WRITING, {name: f"{1000 * value:.0f}ms" for name, value in seconds.items()})
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
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that reads only, with statements that end after `SEARCH_SECONDS` on PostgreSQL."""
    with engine.connect().execution_options(postgresql_readonly=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(*(func.set_config(*each, True) for each in _SEARCH_SETTINGS.items())))
        yield connection


@contextmanager
def archive_errors() -> Iterator[None]:
    """Turn the database's failures into ArchiveError, without statements and parameters: these hold
    callers' numbers."""
    try:
        yield
    except (UnicodeError, OverflowError) as error:  # of the driver, before the database is asked
        raise UnstorableError(_in_short(error)) from error
    except SQLAlchemyError as error:
        if _is_of_the_data(error):
            raise UnstorableError(_in_short(getattr(error, "orig", error))) from None
        raise ArchiveError(_in_one_line(error)) from error


def breaks_connection(error: ArchiveError) -> bool:
    """Whether a new connection may work although this one answered: it was opened on another file, or on a
    server that has become read-only."""
    cause = getattr(error.__cause__, "orig", None)
    if getattr(cause, "sqlstate", None) == "25006":
        return True
    name = str(getattr(cause, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR"))


def lacks_table(error: DBAPIError) -> bool:
    """Whether a statement failed because one of its tables is missing."""
    cause = error.orig
    return getattr(cause, "sqlstate", None) == "42P01" or str(cause).startswith("no such table")


def kind_of_failure(error: ArchiveError) -> str:
    """Return the kind of problem that the database or its driver gives, such as `SQLITE_FULL` or `55P03`."""
    cause = getattr(error.__cause__, "orig", None)
    return _code(cause) or type(cause or error).__name__


def _is_of_the_data(error: SQLAlchemyError) -> bool:
    """Whether the database refused what it was given: it would do so however often that is tried."""
    if isinstance(error, DataError | IntegrityError):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return state[:2] in ("21", "22", "23", "54")


def _in_short(error: object) -> str:
    """The kind of an error: its text may repeat a value, and so a caller."""
    reason = f": {error.reason}" if isinstance(error, UnicodeEncodeError) else ""
    return type(error).__name__ + reason


def _in_one_line(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None)
    problem = " ".join(str(cause or error).split())
    remedy = _REMEDIES.get(_code(cause))
    return f"{problem}; {remedy}" if remedy else problem


def _code(cause: object) -> str:
    """Return SQLite's name of an error or the SQLSTATE; empty for an error of the driver itself."""
    return str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")


_RESTORE = "move the file away, or a backup into its place with mv: the exporter goes on with what it finds"
_REMEDIES = {
    "SQLITE_CORRUPT": _RESTORE,
    "SQLITE_NOTADB": _RESTORE,
    LOCK_TIMEOUT: "another session has a lock on the archive's tables or rows; pg_stat_activity shows it,"
    " mostly in the state `idle in transaction`",
}


def _require_utf8(connection: Any, _: object) -> None:
    found = connection.info.parameter_status("server_encoding")
    if found not in (None, "UTF8"):
        name = connection.info.dbname
        connection.close()
        raise ArchiveError(
            f"the database {name}: found the encoding {found}, wanted UTF8; create it by"
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
        "busy_timeout=5000",
        "secure_delete=ON",  # what is removed or hidden is overwritten in the file
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
