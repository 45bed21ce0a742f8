"""Check the address of the archive's database, without connecting to it."""

from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

DRIVERS = ("postgresql+psycopg", "sqlite", "sqlite+pysqlite")
RESERVED = {"plugin", "check_same_thread"}
"""Options of SQLAlchemy and its drivers that the exporter sets or cannot use."""
EXPECTED = "expected postgresql+psycopg://user@host/aircall or a file such as sqlite:////data/archive.sqlite"
IN_MEMORY = "found a SQLite database in memory, which loses all calls and counters at the end of the process"


def url_problem(url: str) -> str:
    """Return what is wrong with the address of a database, or "". Does not contain parts of it."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("postgresql", "sqlite"):
            return "is of a kind that is not supported, expected postgresql+psycopg:// or sqlite://"
        dialect = parsed.get_dialect()
        if problem := _unsupported(parsed):
            return problem
        dialect.import_dbapi()
        dialect().create_connect_args(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError):
        return "is no address of a database, expected one such as postgresql+psycopg://user@host/aircall"
    except ImportError:
        return "needs a driver that is not installed; it comes with the exporter's extra `postgres`"
    return ""


def _unsupported(url: URL) -> str:
    """Return which part of a valid address of PostgreSQL or SQLite is not supported, or ""."""
    if url.drivername not in DRIVERS:
        return f"found the driver {url.drivername}, which is not supported, {EXPECTED}"
    if url.get_backend_name() == "sqlite" and is_in_memory(url):
        return f"{IN_MEMORY}, {EXPECTED}"
    if url.get_backend_name() == "postgresql" and "@" in f"{url.host}{url.database}":
        return "has an @ in its host or database, expected %40 for each @ of a user's name or a password"
    if reserved := sorted(RESERVED & url.query.keys()):
        return f"has the option {reserved[0]}, expected an address without it"
    return ""


def is_in_memory(url: URL) -> bool:
    """Return whether SQLite keeps this database in memory, or in a temporary file that it deletes at the end.

    This checks only the address. `sqlite_files.file_problem` opens the database and detects the other cases.
    """
    name = url.database or ""
    if not is_file_uri(url):
        return name in ("", ":memory:")
    path, _, options = name.removeprefix("file:").partition("?")
    given = {f"{key}={value}" for key, value in url.query.items()} | set(options.split("&"))
    return unquote(path) in ("", ":memory:") or bool({"mode=memory", "vfs=memdb"} & given)


def is_file_uri(url: URL) -> bool:
    """Return whether SQLite parses the name of the database as a URI."""
    return "uri" in url.query and (url.database or "").startswith("file:")


def file_of(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for another database, or one in memory."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or is_in_memory(url):
        return None
    return Path(unquote(name.removeprefix("file:").split("?")[0]) if is_file_uri(url) else name)


def location(url: URL) -> str:
    """Return where a database is: the absolute path of a file, or an address without password and options."""
    path = file_of(url)
    if path is not None:
        return str(path.resolve())
    return str(URL.create(url.drivername, url.username, None, url.host, url.port, url.database))
